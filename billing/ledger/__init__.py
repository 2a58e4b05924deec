"""The credit ledger: grants, debits, balances. All in integer micro-credits; entries are the truth, sums are caches."""

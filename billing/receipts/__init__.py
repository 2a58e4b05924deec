"""Value receipts: what was delivered to a customer in a period, as the customer is shown it."""

"""Invoices and payments go to Xero, where the books are kept. One way, and each of them once."""

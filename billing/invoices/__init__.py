"""What is asked for and what is paid: invoices, payments, and how payments are allocated to invoice lines."""

"""The business around the margin: customers, products, plans, orders, credits, checkout, webhooks, receipts."""

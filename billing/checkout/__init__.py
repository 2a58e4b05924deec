"""Buying by the buyer's own hand: hosted pages, payment providers, the customer portal."""

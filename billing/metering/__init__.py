"""Metering: what signals burn, by the prices of their customer's order, and each of them once."""

"""Webhooks: an outbox that changes write to, and a thread that delivers from it."""

"""API keys: making and revoking them, and who may do what."""

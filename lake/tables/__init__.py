"""The lake's tables, one module per subject."""

"""The demo: a small AI company's traffic through real OpenTelemetry exporters, and what the lake makes of it."""

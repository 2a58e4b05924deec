"""OTLP in: servers, admission, journal, decode, dialects."""

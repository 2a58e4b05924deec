"""Signals: the billable events, whichever way they arrive (spans, span events, REST)."""

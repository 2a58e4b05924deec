"""Dashboards as code; they come with the third issue."""

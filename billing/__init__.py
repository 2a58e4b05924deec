"""The business around the margin; it comes with the fourth issue."""

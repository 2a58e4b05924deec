"""Questions in SQL over what the business knows and what the lake holds, with the names that the API promises."""

"""What was bought: orders, the dated prices of what is on them, their seats, credits and amendments."""

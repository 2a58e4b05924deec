"""What is sold: products, the prices of their attributes, and plans that override them."""

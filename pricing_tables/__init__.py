"""What usage costs: catalogs, model resolution, the pricing expressions."""

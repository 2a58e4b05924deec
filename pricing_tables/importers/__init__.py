"""Importers: one module per source of prices, each returning a `CatalogData`."""

"""Value metrics and value models of the API: one manifest in versions, which the lake's value model follows."""

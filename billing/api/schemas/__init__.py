"""Request and response bodies, a module a resource."""

"""Who is billed: customers, the names they go by, their people and their parts."""

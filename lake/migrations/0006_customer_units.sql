ALTER TABLE signals ADD COLUMN customer_unit VARCHAR;
COMMENT ON COLUMN signals.customer_unit IS 'Part of the customer that caused it (a department, a user); by REST only.';

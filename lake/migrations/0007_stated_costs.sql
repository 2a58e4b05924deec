COMMENT ON COLUMN cost_links.rule IS 'stated, scope, trace, scope_split or trace_split: why.';

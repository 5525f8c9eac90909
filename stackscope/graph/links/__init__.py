"""One small file for each relation. Each holds a `RULE`; a rule sees facts through the index, never other links."""

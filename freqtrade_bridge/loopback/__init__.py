"""A local exchange and a sample market: demo and tests without any network."""

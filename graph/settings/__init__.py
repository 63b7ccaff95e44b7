"""The configuration, one file per block."""

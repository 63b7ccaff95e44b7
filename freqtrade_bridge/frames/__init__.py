"""Runs as DataFrames: what ledger and memory hold, with documented columns."""

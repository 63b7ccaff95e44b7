"""Recorded decisions under other rules, without a model: which change, and where what was answered holds no more."""

"""`candlegraph evaluate PLAN.toml`: strategies and baselines over walk-forward windows, judged together."""

"""Market situations whose admissible answers are written down, and what a model answers to them."""

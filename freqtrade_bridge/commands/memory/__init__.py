"""`candlegraph memory`: the experience memory."""

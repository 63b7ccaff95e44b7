"""Commands that try a model or a recorded run: situations, other limits, what it knows, how well it judges itself."""

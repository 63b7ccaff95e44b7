"""The conversation with a model: what it may call, what it called, what goes back to it."""

"""The text space: situations in words, and the vectors that a model makes of them."""

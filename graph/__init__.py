"""What nodes exchange, and in which order they run."""

"""What the commands do; `parser` loads the one that is named."""

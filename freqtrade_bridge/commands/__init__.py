"""What the commands do, one module each; `cli` loads the one that runs."""

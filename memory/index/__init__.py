"""How similar experiences are found."""

"""`candlegraph doctor`: whether everything is there that a bot needs, one verdict a line."""

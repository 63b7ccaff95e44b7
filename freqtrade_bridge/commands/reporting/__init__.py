"""`candlegraph report`: which run, what is known of it, and its page."""

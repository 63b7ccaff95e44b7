"""One self-contained HTML page and one table per run, from files alone."""

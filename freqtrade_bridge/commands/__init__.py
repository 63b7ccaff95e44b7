"""What `candlegraph` does, one module per command."""

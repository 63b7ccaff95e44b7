"""The earlier system's configuration in our form."""

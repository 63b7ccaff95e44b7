"""What would have become of a closed trade otherwise, by arithmetic over its own candles; what that says, and when."""

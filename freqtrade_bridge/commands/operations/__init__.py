"""What an operator does with a bot: make one, look it over, start, stop, pause, tidy up."""

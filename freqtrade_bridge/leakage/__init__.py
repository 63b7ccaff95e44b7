"""Whether a model knows the market that it is tested on: the same candles without their name, level and date."""

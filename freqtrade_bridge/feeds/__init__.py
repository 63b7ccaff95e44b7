"""What is seen of a candle: candles, account and positions, sentiment."""

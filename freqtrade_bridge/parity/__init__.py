"""Live against backtest: which decisions differ over the same candles, by what, and what it made of the money."""

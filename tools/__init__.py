"""The nine functions a model may call, and the pure market arithmetic behind them."""

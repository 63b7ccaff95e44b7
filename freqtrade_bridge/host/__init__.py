"""What touches freqtrade's insides: its backtest loop, its columns, its configuration, its exceptions."""

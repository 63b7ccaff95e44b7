"""Candles to numbers: closed-candle frames, indicators, facts, the situation vector. All pure."""

"""Freqtrade on one side, the compiled graph on the other; the only package that imports freqtrade."""

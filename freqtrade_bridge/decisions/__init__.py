"""From snapshot to signal: the runner, what is admitted, what is recorded, what waits for freqtrade."""

"""Our own look at the exchange's books in live mode: what freqtrade cannot see is found, put right, told and kept."""

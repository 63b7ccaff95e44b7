"""Everything this distribution raises on purpose.

CandlegraphError
├── ConfigError        a setting is unknown, missing or out of range; refuse to start
├── CandleError        a candle folder or frame lacks what a snapshot needs
├── SentimentError     a sentiment value could not be had; it is unavailable, and nothing more
├── FactsError         a facts block does not follow its schema
├── ModelError         a chat model could not be reached or answered nothing usable
├── MemoryStoreError   the database is unreadable, or of another version; refuse to write
└── BridgeError        freqtrade changed what the bridge relies on, or a decision failed in a backtest
"""


class CandlegraphError(Exception):
    """Base of every error below."""


class ConfigError(CandlegraphError):
    """A setting is unknown, missing or out of range."""


class CandleError(CandlegraphError):
    """A candle folder or frame lacks what a snapshot needs."""


class SentimentError(CandlegraphError):
    """A sentiment value could not be had."""


class FactsError(CandlegraphError):
    """A facts block does not follow its schema."""


class ModelError(CandlegraphError):
    """A chat model could not be reached or answered nothing usable."""


class MemoryStoreError(CandlegraphError):
    """The database is unreadable, or of another version."""


class BridgeError(CandlegraphError):
    """Freqtrade changed what the bridge relies on, or a decision failed in a backtest."""

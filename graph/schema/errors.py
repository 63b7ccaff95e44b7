"""Everything this distribution raises on purpose.

CandlegraphError       a RuntimeError: of errors that are no builtins LangGraph's server hides the text
├── ConfigError        a setting is unknown, missing or out of range; refuse to start
├── CandleError        a candle folder or frame lacks what a snapshot needs
├── SentimentError     a sentiment value could not be had; it is unavailable, and nothing more
├── FactsError         a facts block does not follow its schema
├── ModelError         no chat model of a role could be reached; `tries` says what was tried
│   └── ReplayMiss     the cassette has no answer to what is asked now
├── CassetteError      the cassette is unreadable, or of another version
├── MemoryStoreError   the database is unreadable, or of another version; refuse to write
│   └── MemoryAway     the server of a shared memory cannot be used now; live it is waited out
├── EmbeddingError     a text has no vector now; found by its situation alone, and tried again later
└── BridgeError        freqtrade changed what the bridge relies on, or a decision failed in a backtest
    └── DoubtfulRun    with --strict: so many decisions of a run fell back that its result says little; status 3
"""


class CandlegraphError(RuntimeError):
    """Base of every error below; a command that it ends has this exit status."""

    status = 1


class ConfigError(CandlegraphError):
    """A setting is unknown, missing or out of range."""


class CandleError(CandlegraphError):
    """A candle folder or frame lacks what a snapshot needs."""


class SentimentError(CandlegraphError):
    """A sentiment value could not be had."""


class FactsError(CandlegraphError):
    """A facts block does not follow its schema."""


class ModelError(CandlegraphError):
    """No chat model of a role could be reached; `tries` are `graph.calls.Try`."""

    def __init__(self, message: str, tries: tuple[object, ...] = ()) -> None:
        super().__init__(message)
        self.tries = tries


class ReplayMiss(ModelError):
    """The cassette has no answer to what is asked now."""


class CassetteError(CandlegraphError):
    """The cassette is unreadable, or of another version."""


class MemoryStoreError(CandlegraphError):
    """The database is unreadable, or of another version."""


class MemoryAway(MemoryStoreError):
    """The server of a shared memory cannot be used now."""


class EmbeddingError(CandlegraphError):
    """A text has no vector now; `is_down`: no other text would get one either."""

    def __init__(self, message: str, *, is_down: bool = False) -> None:
        super().__init__(message)
        self.is_down = is_down


class BridgeError(CandlegraphError):
    """Freqtrade changed what the bridge relies on, or a decision failed in a backtest."""


class DoubtfulRun(BridgeError):
    """So many decisions of a run fell back that its result says little."""

    status = 3

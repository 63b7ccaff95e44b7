"""Other libraries' lines that would drown freqtrade's log."""

from __future__ import annotations

import logging

LOUD = ("httpx", "httpx2", "faiss.loader")
"""A line per model call; and faiss, on its way to the build for this processor, names each that it has not."""


def quieten() -> None:
    """Keep only warnings of libraries that say much; before they are imported."""
    for name in LOUD:
        logging.getLogger(name).setLevel(logging.WARNING)

"""A dead man's switch: an address is called after each decided candle; whoever watches it misses a bot that is dead."""

from __future__ import annotations

import logging
import threading

import httpx
from pydantic import SecretStr

logger = logging.getLogger(__name__)
TIMEOUT = 10.0
"""Seconds."""


class Pings:
    """Calls one address in the background; a failure is said once, until a call succeeds."""

    def __init__(self, url: SecretStr) -> None:
        self._url = url
        self._thread: threading.Thread | None = None
        self._is_failing = False

    def ping(self) -> None:
        """Call the address, unless the last call is still under way; returns at once."""
        if self._thread is None or not self._thread.is_alive():
            self._thread = threading.Thread(target=self._call, name="candlegraph-ping", daemon=True)
            self._thread.start()

    def wait(self, seconds: float) -> None:
        """Wait until the call has ended, that long at most."""
        if self._thread is not None:
            self._thread.join(seconds)

    def _call(self) -> None:
        why = self._failure()
        if why is not None and not self._is_failing:
            logger.error("monitoring.ping_url could not be called, this is said once: %s", why)
        if why is None and self._is_failing:
            logger.info("monitoring.ping_url can be called again")
        self._is_failing = why is not None

    def _failure(self) -> str | None:
        """Return why the call failed, without the address: who knows it can keep the monitor quiet."""
        try:
            answer = httpx.get(self._url.get_secret_value(), timeout=TIMEOUT, follow_redirects=True)
        except (httpx.HTTPError, httpx.InvalidURL) as e:
            return type(e).__name__
        return None if answer.is_success else f"status {answer.status_code}"

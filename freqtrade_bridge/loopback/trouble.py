"""What is wrong with the whole exchange for as long as it is set: maintenance, stale candles, a clock that is off."""

from __future__ import annotations

from collections import Counter
from dataclasses import dataclass, field

from fastapi.responses import HTMLResponse, Response
from starlette.types import ASGIApp, Receive, Scope, Send


@dataclass
class Trouble:
    """Times are ms; `stale_ms` says by symbol how old the newest candle's end is, `skew_ms` how far its clock is ahead.

    The clock of a signed request is held against the skewed one; prices and fills go by the true one.
    """

    is_down: bool = False
    skew_ms: int = 0
    stale_ms: dict[str, int] = field(default_factory=dict)

    @property
    def is_any(self) -> bool:
        """Return whether anything is wrong."""
        return self.is_down or bool(self.skew_ms) or any(self.stale_ms.values())


def under_maintenance() -> Response:
    """Return the page of an exchange that is down."""
    return HTMLResponse("<html><body><h1>503 Service Unavailable</h1></body></html>", 503)


class Troubled:
    """An app whose requests are counted in `hits`, and not answered while the exchange is down."""

    def __init__(self, app: ASGIApp, hits: Counter[str], trouble: Trouble) -> None:
        self._app, self._hits, self._trouble = app, hits, trouble

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Answer a request."""
        self._hits[f"{scope.get('method')} {scope.get('path')}"] += 1
        await (under_maintenance() if self._trouble.is_down else self._app)(scope, receive, send)

"""What is wrong with the whole exchange for as long as it is set: maintenance, stale candles, a clock that is off."""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from dataclasses import dataclass, field

from fastapi import FastAPI, Request
from fastapi.responses import HTMLResponse, Response


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


def watch(app: FastAPI) -> None:
    """Count each request in `app.state.hits`, and answer none while the exchange is down."""

    @app.middleware("http")
    async def door(request: Request, answer: Callable[[Request], Awaitable[Response]]) -> Response:
        app.state.hits[f"{request.method} {request.url.path}"] += 1
        return under_maintenance() if app.state.trouble.is_down else await answer(request)

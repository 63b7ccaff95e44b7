"""The door for signed requests: move the books to now → check key, signature, time → planned fault → answer."""

from __future__ import annotations

import hashlib
import hmac
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, get_args
from urllib.parse import parse_qsl

from fastapi import Request
from fastapi.responses import HTMLResponse, JSONResponse, Response
from starlette.types import ASGIApp, Receive, Scope, Send

from candlegraph.freqtrade_bridge.loopback.account.books import Books
from candlegraph.freqtrade_bridge.loopback.account.endpoints import ANSWERS, ApiCall
from candlegraph.freqtrade_bridge.loopback.account.faults import (
    Endpoint,
    FaultPlan,
    Late,
    PartlyFilled,
    PlannedRefusal,
    Throttled,
    Unanswered,
    What,
)
from candlegraph.freqtrade_bridge.loopback.account.matching import advance
from candlegraph.freqtrade_bridge.loopback.account.refusals import MESSAGES, Refused
from candlegraph.freqtrade_bridge.loopback.exchange import refusal
from candlegraph.freqtrade_bridge.loopback.trouble import Trouble, under_maintenance

KEY, SECRET = "made-up-key", "made-up-secret"
AHEAD_MS, RECV_WINDOW_MS = 1000, 5000
SIGNED = frozenset(get_args(Endpoint))


@dataclass(frozen=True)
class Logged:
    """One signed request, and what it was answered; `status` 0 is a dropped connection."""

    at: int
    endpoint: Endpoint
    query: Mapping[str, str]
    status: int
    answer: str


class Dropped(Response):
    """An answer that breaks off: the server closes the connection after its first bytes."""

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Promise more than is sent."""
        await send({"type": "http.response.start", "status": 200, "headers": [(b"content-length", b"1000")]})
        await send({"type": "http.response.body", "body": b"{", "more_body": True})


class SignedDoor:
    """Answers signed requests from `books`; `plan` and `trouble` are what goes wrong, `log` what was asked."""

    def __init__(self, books: Books, trouble: Trouble) -> None:
        self.books, self.trouble = books, trouble
        self.plan = FaultPlan()
        self.log: list[Logged] = []

    def app(self, public: ASGIApp) -> ASGIApp:
        """Return the exchange: signed requests are answered here, all others by `public`.

        By hand, since a framework's way to a function costs more than all that the function does.
        """

        async def door(scope: Scope, receive: Receive, send: Send) -> None:
            if f"{scope.get('method')} {scope.get('path')}" not in SIGNED:
                return await public(scope, receive, send)
            request = Request(scope, receive)
            answer = self._open(request, (await request.body()).decode())
            return await answer(scope, receive, send)

        return door

    def _open(self, request: Request, body: str) -> Response:
        signed = "&".join(part for part in (request.url.query, body) if part)
        query = dict(parse_qsl(signed))
        endpoint: Endpoint = f"{request.method} {request.url.path}"  # type: ignore[assignment]
        advance(self.books)
        try:
            check(request.headers.get("x-mbx-apikey"), signed, query, self.books.clock.now() + self.trouble.skew_ms)
            answer = under_maintenance() if self.trouble.is_down else self._answer(endpoint, query)
        except Refused as error:
            answer = refusal(error.http_status, error.code, str(error))
        self._note(endpoint, query, answer)
        return answer

    def _answer(self, endpoint: Endpoint, query: Mapping[str, str]) -> Response:
        now, what = self.books.clock.now(), self.plan.next(endpoint)
        if isinstance(what, PlannedRefusal):
            raise Refused(what.code)
        if isinstance(what, Throttled):
            return _throttled(what)
        call = _call(query, now, what)
        if isinstance(what, Unanswered):
            if what.has_acted:
                ANSWERS[endpoint](self.books, call)
            return _unanswered(what)
        return JSONResponse(ANSWERS[endpoint](self.books, call))

    def _note(self, endpoint: Endpoint, query: Mapping[str, str], answer: Response) -> None:
        asked = {name: value for name, value in query.items() if name not in ("timestamp", "signature", "recvWindow")}
        status = 0 if isinstance(answer, Dropped) else answer.status_code
        self.log.append(Logged(self.books.clock.now(), endpoint, asked, status, bytes(answer.body).decode()))


def check(key: str | None, signed: str, query: Mapping[str, str], now: int) -> None:
    """Refuse a request with another key, a wrong signature, or a time too far from `now`, epoch ms."""
    if key != KEY:
        raise Refused(-2015)
    payload, _, signature = signed.rpartition("&signature=")
    if not hmac.compare_digest(signature, hmac.new(SECRET.encode(), payload.encode(), hashlib.sha256).hexdigest()):
        raise Refused(-1022)
    sent, window = int(query.get("timestamp", 0)), int(query.get("recvWindow", RECV_WINDOW_MS))
    if not now - window <= sent < now + AHEAD_MS:
        raise Refused(-1021)


def _call(query: Mapping[str, str], now: int, what: What | None) -> ApiCall:
    seen_until = now - what.seconds * 1000 if isinstance(what, Late) else now
    return ApiCall(query, now, seen_until, what.partial if isinstance(what, PartlyFilled) else None)


def _throttled(what: Throttled) -> Response:
    answer: Any = refusal(what.status, -1003, MESSAGES[-1003])
    answer.headers["Retry-After"] = str(what.retry_after_seconds)
    return answer  # type: ignore[no-any-return]


def _unanswered(what: Unanswered) -> Response:
    if what.status == 0:
        return Dropped()
    if what.status == 408:
        return refusal(408, -1007, MESSAGES[-1007])
    return HTMLResponse(f"<html><body><h1>{what.status}</h1></body></html>", what.status)

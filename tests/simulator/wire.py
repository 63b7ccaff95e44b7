"""The bot's way to the exchange without sockets: most of what a request costs is the two HTTP stacks around it.

ccxt signs and sends as ever -> a session in place of its own -> the exchange's door -> what a client would see
"""

from collections.abc import Coroutine
from http import HTTPStatus
from io import BytesIO
from types import SimpleNamespace
from typing import Any
from urllib.parse import urlsplit

import ccxt
from requests import Response, Session
from requests.exceptions import ChunkedEncodingError
from requests.structures import CaseInsensitiveDict
from starlette.types import ASGIApp, Message

BROKEN = "Connection broken: IncompleteRead(1 bytes read, 999 more expected)"
"""What requests says of an answer that ends too early."""
Headers = dict[str, str]


class Answer(SimpleNamespace):
    """What an app answered: `status`, `headers`, `body`, `is_whole`."""

    status: int
    headers: Headers
    body: bytes
    is_whole: bool


class Wire(Session):
    """Takes the place of the session of ccxt's synchronous client; its app must not wait for anything."""

    def __init__(self, app: ASGIApp) -> None:
        super().__init__()
        self._app = app

    def request(self, method: str, url: str, data: bytes | None, headers: Headers, **options: object) -> Response:
        """Return the answer, after the hooks saw it; raise ChunkedEncodingError for one that breaks off."""
        answer = answered(self._app, method, url, data, headers)
        if not answer.is_whole:
            raise ChunkedEncodingError(BROKEN)
        response = _response(method, url, answer)
        for hook in list(self.hooks["response"]):
            hook(response)
        return response


class AsyncWire:
    """The same for ccxt's asynchronous client; `before` is its own session, which is closed with this one."""

    def __init__(self, app: ASGIApp, before: Any) -> None:
        self._app, self._before = app, before
        self.headers = before.headers

    def get(self, url: object, *, headers: Headers, **options: object) -> "AsyncAnswer":
        """Return what `async with` opens."""
        return AsyncAnswer(answered(self._app, "GET", str(url), None, headers))

    async def close(self) -> None:
        """Close the session that this one took the place of."""
        await self._before.close()


class AsyncAnswer:
    """An answer as aiohttp hands it out."""

    def __init__(self, answer: Answer) -> None:
        self.status, self.headers, self._body = answer.status, answer.headers, answer.body
        self.reason = HTTPStatus(answer.status).phrase

    async def text(self, **options: object) -> str:
        """Return the body."""
        return self._body.decode()

    async def __aenter__(self) -> "AsyncAnswer":
        return self

    async def __aexit__(self, *error: object) -> None:
        pass


def wire(exchange: Any, app: ASGIApp) -> None:
    """Let both clients of freqtrade's exchange reach `app` without sockets from now on."""
    api, asynchronous = exchange._api, exchange._api_async
    if isinstance(api.session, Wire):
        return
    assert isinstance(api, ccxt.Exchange) and asynchronous.session is not None, "its start has asked for the markets"
    api.session.close()
    api.session, asynchronous.session = Wire(app), AsyncWire(app, asynchronous.session)


def answered(app: ASGIApp, method: str, url: str, body: bytes | None, headers: Headers) -> Answer:
    """Return what the app answers."""
    start: Message = {}
    parts: list[Message] = []

    async def receive() -> Message:
        return {"type": "http.request", "body": body or b"", "more_body": False}

    async def send(message: Message) -> None:
        (start.update if message["type"] == "http.response.start" else parts.append)(message)

    _run(app(_scope(method, url, headers), receive, send))
    told = {name.decode(): value.decode() for name, value in start["headers"]}
    whole = b"".join(part.get("body", b"") for part in parts)
    return Answer(status=start["status"], headers=told, body=whole, is_whole=not parts[-1].get("more_body"))


def _run(answering: Coroutine[None, None, None]) -> None:
    """Run to the end what never waits."""
    try:
        answering.send(None)
    except StopIteration:
        return
    raise AssertionError("the exchange waits for something, as it may only behind a socket")


def _scope(method: str, address: str, headers: Headers) -> dict[str, object]:
    url = urlsplit(address)
    told = [(name.lower().encode(), str(value).encode()) for name, value in headers.items()]
    asked = {"method": method, "path": url.path, "query_string": url.query.encode(), "headers": told}
    return {"type": "http", "scheme": "https", "root_path": "", "server": (url.hostname, url.port), **asked}


def _response(method: str, url: str, answer: Answer) -> Response:
    response = Response()
    response.status_code, response.url = answer.status, url
    response.request = SimpleNamespace(method=method, url=url)
    response.headers = CaseInsensitiveDict(answer.headers)
    response.reason, response.raw = HTTPStatus(answer.status).phrase, BytesIO(answer.body)
    return response

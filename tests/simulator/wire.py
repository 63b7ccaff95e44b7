"""The bot's way to the exchange without sockets: most of what a request costs is the two HTTP stacks around it.

ccxt signs and sends as ever -> this adapter in place of a connection -> the exchange's door -> what a client would see
"""

from collections.abc import Coroutine
from http import HTTPStatus
from io import BytesIO
from urllib.parse import urlsplit

from requests import PreparedRequest, Response
from requests.adapters import HTTPAdapter
from requests.exceptions import ChunkedEncodingError
from requests.structures import CaseInsensitiveDict
from starlette.types import ASGIApp, Message

BROKEN = "Connection broken: IncompleteRead(1 bytes read, 999 more expected)"
"""What requests says of an answer that ends too early."""


class Wire(HTTPAdapter):
    """Hands requests to an app, which must not wait for anything."""

    def __init__(self, app: ASGIApp) -> None:
        super().__init__()
        self._app = app

    def send(self, request: PreparedRequest, *args: object, **options: object) -> Response:
        """Return the answer; raise ChunkedEncodingError for one that breaks off."""
        body = request.body.encode() if isinstance(request.body, str) else request.body or b""
        start: Message = {}
        parts: list[Message] = []

        async def receive() -> Message:
            return {"type": "http.request", "body": body, "more_body": False}

        async def send(message: Message) -> None:
            (start.update if message["type"] == "http.response.start" else parts.append)(message)

        _run(self._app(_scope(request), receive, send))
        if parts[-1].get("more_body"):
            raise ChunkedEncodingError(BROKEN)
        return _response(request, start, b"".join(part.get("body", b"") for part in parts))


def _run(answering: Coroutine[None, None, None]) -> None:
    """Run to the end what never waits."""
    try:
        answering.send(None)
    except StopIteration:
        return
    raise AssertionError("the exchange waits for something, as it may only behind a socket")


def _scope(request: PreparedRequest) -> dict[str, object]:
    url = urlsplit(str(request.url))
    headers = [(name.lower().encode(), str(value).encode()) for name, value in request.headers.items()]
    asked = {"method": request.method, "path": url.path, "query_string": url.query.encode(), "headers": headers}
    return {"type": "http", "scheme": "https", "root_path": "", "server": (url.hostname, url.port), **asked}


def _response(request: PreparedRequest, start: Message, body: bytes) -> Response:
    response = Response()
    response.status_code, response.url, response.request = start["status"], str(request.url), request
    response.headers = CaseInsensitiveDict({name.decode(): value.decode() for name, value in start["headers"]})
    response.reason, response.raw = HTTPStatus(start["status"]).phrase, BytesIO(body)
    return response

"""The policy rule behind the OpenAI chat-completions protocol on loopback: it exercises the real HTTP client."""

from __future__ import annotations

import json
import threading
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from types import TracebackType
from typing import Any

from candlegraph.agents.models.policy import policy_calls
from candlegraph.graph.schema.errors import FactsError

MODEL = "candlegraph-policy"


class PolicyServer:
    """Serves the rule at `url` from a daemon thread while the `with` block lasts; port 0 takes a free one."""

    def __init__(self, port: int = 0) -> None:
        self._server = ThreadingHTTPServer(("127.0.0.1", port), _Handler)
        self._thread = threading.Thread(
            target=self._server.serve_forever, args=(0.05,), name="policy-server", daemon=True
        )

    @property
    def url(self) -> str:
        """Return the api_base of the server."""
        return f"http://127.0.0.1:{self._server.server_port}/v1"

    def __enter__(self) -> PolicyServer:
        self._thread.start()
        return self

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, at: TracebackType | None) -> None:
        self._server.shutdown()
        self._server.server_close()
        self._thread.join(5)


def completion(request: dict[str, Any]) -> dict[str, Any]:
    """Return the chat completion for an OpenAI request; raise FactsError if no facts block is in it."""
    prompt = "\n".join(str(m.get("content")) for m in request.get("messages", []) if m.get("role") == "user")
    bound = frozenset(one["function"]["name"] for one in request.get("tools", []))
    calls = [
        {"id": f"call_{i}", "type": "function", "function": {"name": name, "arguments": json.dumps(arguments)}}
        for i, (name, arguments) in enumerate(policy_calls(prompt, bound))
    ]
    message = {"role": "assistant", "content": None, "tool_calls": calls}
    return {
        "id": "policy",
        "object": "chat.completion",
        "created": 0,
        "model": MODEL,
        "choices": [{"index": 0, "message": message, "finish_reason": "tool_calls"}],
        "usage": {"prompt_tokens": 0, "completion_tokens": 0, "total_tokens": 0},
    }


class _Handler(BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"
    wbufsize = -1  # head and body leave in one packet; two would wait 40 ms for each other

    def do_GET(self) -> None:
        known = self.path.rstrip("/").endswith("/models")
        models = {"object": "list", "data": [{"id": MODEL, "object": "model"}]}
        self._answer(200 if known else 404, models if known else _error(f"no such path: {self.path}"))

    def do_POST(self) -> None:
        body = self.rfile.read(int(self.headers.get("Content-Length", 0)))
        if not self.path.rstrip("/").endswith("/chat/completions"):
            self._answer(404, _error(f"no such path: {self.path}"))
            return
        try:
            self._answer(200, completion(json.loads(body)))
        except (FactsError, ValueError) as e:
            self._answer(400, _error(str(e)))

    def _answer(self, status: int, payload: dict[str, Any]) -> None:
        body = json.dumps(payload).encode()
        self.send_response(status)
        self.send_header("Content-Type", "application/json")
        self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        self.wfile.write(body)

    def log_message(self, format: str, *args: Any) -> None:
        """Say nothing: one line a request would drown a backtest."""


def _error(message: str) -> dict[str, Any]:
    return {"error": {"message": message, "type": "invalid_request_error"}}

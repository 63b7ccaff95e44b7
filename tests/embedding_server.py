"""An embedding server on loopback that speaks as OpenAI's and Ollama's do: a text is the sum of its words' vectors."""

import json
import threading
import zlib
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer

import numpy as np

WORD = {}


def vector_of(text: str, dimension: int, seed: int = 0) -> list[float]:
    """Return what the served model makes of a text; texts that share words are alike."""
    total = np.zeros(dimension)
    for word in text.lower().replace(".", "").replace(",", "").split():
        name = zlib.crc32(f"{seed}{word}".encode())
        if (name, dimension) not in WORD:
            WORD[name, dimension] = np.random.default_rng(name).normal(size=dimension)
        total += WORD[name, dimension]
    return total.tolist()


class EmbeddingServer:
    """Answers below `paths`; `spoil` may change the rows of an answer, `seen` notes each request.

    Another `status` than 200 refuses, and quotes the key; `refusal` is said instead of it.
    """

    def __init__(self, dimension=32, paths=("/v1/embeddings", "/api/embed")):
        self.dimension, self.paths, self.seed, self.status = dimension, paths, 0, 200
        self.spoil, self.seen, self.refusal = (lambda rows, texts: rows), [], None
        handler = type("Handler", (_Handler,), {"owner": self})
        self._server = ThreadingHTTPServer(("127.0.0.1", 0), handler)
        self._thread = threading.Thread(target=self._server.serve_forever, args=(0.01,), daemon=True)

    @property
    def url(self):
        return f"http://127.0.0.1:{self._server.server_port}"

    @property
    def texts(self):
        """Return every text that was asked for."""
        return [text for _, _, body in self.seen for text in body["input"]]

    def __enter__(self):
        self._thread.start()
        return self

    def __exit__(self, *error):
        self._server.shutdown()
        self._server.server_close()
        self._thread.join(5)


class _Handler(BaseHTTPRequestHandler):
    owner: EmbeddingServer

    def do_POST(self):
        body = json.loads(self.rfile.read(int(self.headers["Content-Length"])))
        self.owner.seen.append((self.path, {name.lower(): value for name, value in self.headers.items()}, body))
        if self.path not in self.owner.paths:
            return self._send(404, {"error": "no such path"})
        if self.owner.status != 200:
            said = {"error": f"scripted {self.headers.get('authorization', '')}"}
            return self._send(self.owner.status, said, self.owner.refusal)
        rows = [vector_of(text, self.owner.dimension, self.owner.seed) for text in body["input"]]
        rows = self.owner.spoil(rows, body["input"])
        if self.path == "/api/embed":
            return self._send(200, {"model": body["model"], "embeddings": rows})
        # Backwards: the index counts, not the place.
        data = [{"object": "embedding", "index": i, "embedding": row} for i, row in enumerate(rows)][::-1]
        return self._send(200, {"object": "list", "data": data, "model": body["model"]})

    def _send(self, status, payload, raw=None):
        data = json.dumps(payload).encode() if raw is None else raw
        self.send_response(status)
        self.send_header("Content-Type", "application/json")
        self.send_header("Content-Length", str(len(data)))
        self.end_headers()
        self.wfile.write(data)

    def log_message(self, format, *args):
        pass

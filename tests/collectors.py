"""A trace viewer on loopback: keeps what comes in by LangSmith's protocol and by OpenTelemetry's."""

import gzip
import json
import threading
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from urllib.parse import parse_qs, urlsplit

from langsmith import utils
from opentelemetry.proto.collector.trace.v1.trace_service_pb2 import ExportTraceServiceRequest

PROJECT = "00000000-0000-4000-8000-000000000001"
EXAMPLE = {"dataset_id": PROJECT, "created_at": "2025-01-01T00:00:00Z"}


class Viewing(BaseHTTPRequestHandler):
    """Answers both protocols with the server's status; `server.waits` holds the answer back until it is set."""

    protocol_version = "HTTP/1.1"
    disable_nagle_algorithm = True

    def do_GET(self):
        where = urlsplit(self.path)
        if where.path == "/examples":
            first = int(parse_qs(where.query).get("offset", ["0"])[0])
            self.answer([one | EXAMPLE for one in self.server.examples()[first:]])
        elif where.path == "/datasets":
            self.answer([{"id": PROJECT, "name": "d", "created_at": "2025-01-01T00:00:00Z"}])
        else:
            self.answer(self.server.projects)

    def do_POST(self):
        body = self.rfile.read(int(self.headers["content-length"]))
        body = gzip.decompress(body) if self.headers.get("content-encoding") == "gzip" else body
        if self.server.status < 400:
            self.server.requests.append((self.path, body, dict(self.headers)))
        if self.server.waits is not None:
            self.server.waits.wait(20)
        self.answer(json.loads(body) if self.path in ("/datasets", "/examples/bulk") else {})

    def answer(self, told):
        own = {"id": PROJECT, "created_at": "2025-01-01T00:00:00Z"} if self.path == "/datasets" else {}
        body = json.dumps(told | own if isinstance(told, dict) else told).encode()
        self.send_response(self.server.status)
        self.send_header("content-length", str(len(body)))
        self.end_headers()
        self.wfile.write(body)

    def log_message(self, *args):
        pass


class Collector:
    """What arrived."""

    def __init__(self, server):
        self.url, self.requests = f"http://127.0.0.1:{server.server_port}", server.requests
        self.corrected = lambda example: example
        server.examples = lambda: [self.corrected(one) for one in self.examples()]

    def to(self, path):
        """Return the bodies that came to a path."""
        return [body for where, body, _ in self.requests if where == path]

    def runs(self, kind="post"):
        """Return LangSmith's runs, root first, by decision."""
        batches = [json.loads(body)[kind] for body in self.to("/runs/batch")]
        return [one for one in batches if one]

    def feedback(self):
        return [json.loads(body) for body in self.to("/feedback")]

    def examples(self):
        """Return the examples of the dataset, as they came."""
        return [one for body in self.to("/examples/bulk") for one in json.loads(body)]

    def spans(self):
        """Return OpenTelemetry's spans with their attributes as a dictionary, as the official messages read them."""
        found = []
        for body in self.to("/v1/traces"):
            for resource in ExportTraceServiceRequest.FromString(body).resource_spans:
                for scope in resource.scope_spans:
                    found += [(span, attributes(span.attributes)) for span in scope.spans]
        return found


def attributes(pairs):
    """Return key and value of each attribute."""
    return {one.key: value_of(one.value) for one in pairs}


def value_of(value):
    kind = value.WhichOneof("value")
    return [value_of(one) for one in value.array_value.values] if kind == "array_value" else getattr(value, kind)


@contextmanager
def collecting(status=202, waits=None, projects=({"id": PROJECT},)):
    """Serve both protocols until the block ends."""
    with ThreadingHTTPServer(("127.0.0.1", 0), Viewing) as server:
        server.requests, server.status, server.waits, server.projects = [], status, waits, projects
        threading.Thread(target=server.serve_forever, args=(0.01,), daemon=True).start()
        yield Collector(server)
        server.shutdown()


@contextmanager
def shown_to(monkeypatch, url, *, langsmith=True, otlp=True):
    """Let the environment name this viewer, for one protocol or both."""
    for name in ("LANGSMITH_TRACING", "OTEL_EXPORTER_OTLP_ENDPOINT"):
        monkeypatch.delenv(name, raising=False)
    if langsmith:
        for name, value in {"TRACING": "true", "ENDPOINT": url, "API_KEY": "of-the-tracer"}.items():
            monkeypatch.setenv(f"LANGSMITH_{name}", value)
    if otlp:
        monkeypatch.setenv("OTEL_EXPORTER_OTLP_ENDPOINT", url)
    utils.get_env_var.cache_clear()  # LangSmith keeps what it has read
    try:
        yield
    finally:
        utils.get_env_var.cache_clear()

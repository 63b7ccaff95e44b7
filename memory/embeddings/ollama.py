"""Ollama's own endpoint, `/api/embed`."""

from __future__ import annotations

from collections.abc import Sequence

from pydantic import BaseModel, SecretStr

from candlegraph.memory.embeddings.embedder import Embed
from candlegraph.memory.embeddings.http import Server, root_of

DEFAULT = "http://127.0.0.1:11434"


class OllamaAnswer(BaseModel):
    """What Ollama says; other fields do not matter."""

    embeddings: list[list[float]]


def asker(api_base: str | None, model: str, key: SecretStr | None, timeout: float) -> Embed:
    """Return what asks Ollama, on this machine where no address is given; a key is for a proxy before it."""
    url = f"{root_of(api_base or DEFAULT)}/api/embed"
    server = Server(timeout, key)

    def ask(texts: Sequence[str]) -> list[list[float]]:
        return server.post(url, {"model": model, "input": list(texts)}, OllamaAnswer).embeddings

    return ask

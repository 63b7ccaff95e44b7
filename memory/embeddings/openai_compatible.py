"""OpenAI-compatible endpoints: the address as it is written where it has a version, else with /v1 and without.

Asked over plain HTTP, not through `langchain-openai` or `openai`: the first cuts texts with a vocabulary that it
downloads, the second asks for base64, which not every server knows; and neither tries a second path.
"""

from __future__ import annotations

import logging
from collections.abc import Sequence

from pydantic import BaseModel, SecretStr

from candlegraph.graph.schema.errors import EmbeddingError
from candlegraph.graph.settings.addresses import urls_of
from candlegraph.memory.embeddings.embedder import Embed
from candlegraph.memory.embeddings.http import ADDRESS, NotThere, Server, TextRefused

logger = logging.getLogger(__name__)


class EmbeddingRow(BaseModel):
    """One vector; some servers leave the index out."""

    index: int | None = None
    embedding: list[float]


class EmbeddingsAnswer(BaseModel):
    """What the endpoint says; other fields do not matter."""

    data: list[EmbeddingRow]


class EmbeddingsEndpoint:
    """The endpoint, and what it taught: where it answers, and whether it knows `encoding_format`."""

    def __init__(self, api_base: str, model: str, key: SecretStr | None, timeout: float) -> None:
        self._urls = list(urls_of(api_base, ADDRESS, "embeddings"))
        self._server = Server(timeout, key)
        self._sent = {"model": model, "encoding_format": "float"}

    def ask(self, texts: Sequence[str]) -> list[list[float]]:
        """Return a row a text; raise EmbeddingError."""
        try:
            answer = self._asked(texts)
        except TextRefused as e:
            if "encoding_format" not in self._sent or "encoding_format" not in str(e):
                raise
            del self._sent["encoding_format"]  # it only says what most do anyway
            logger.info("%s: encoding_format is left out from now on", self._urls[0])
            answer = self._asked(texts)
        return _in_order(answer.data, self._urls[0])

    def _asked(self, texts: Sequence[str]) -> EmbeddingsAnswer:
        missed = []
        for url in self._urls:
            try:
                answer = self._server.post(url, self._sent | {"input": list(texts)}, EmbeddingsAnswer)
            except NotThere as e:
                missed.append(e)
                continue
            self._urls = [url]  # the one that is there, from now on
            return answer
        raise EmbeddingError("; ".join(map(str, missed)), is_down=True) from missed[0]


def asker(api_base: str, model: str, key: SecretStr | None, timeout: float) -> Embed:
    """Return what asks the endpoint; `api_base` may end in a version or not."""
    return EmbeddingsEndpoint(api_base, model, key, timeout).ask


def _in_order(rows: list[EmbeddingRow], url: str) -> list[list[float]]:
    named = [row.index for row in rows if row.index is not None]
    if not named:
        return [row.embedding for row in rows]
    if sorted(named) != list(range(len(rows))):
        raise EmbeddingError(f"{url}: expected the indexes 0 to {len(rows) - 1}, each once")
    return [row.embedding for row in sorted(rows, key=lambda row: row.index or 0)]

"""OpenAI-compatible endpoints: `/v1/embeddings`, and `/embeddings` where that is not found.

Asked over plain HTTP, not through `langchain-openai` or `openai`: the first cuts texts with a vocabulary that it
downloads, the second asks for base64, which not every server knows; and neither tries a second path.
"""

from __future__ import annotations

from collections.abc import Sequence

from pydantic import BaseModel, SecretStr

from candlegraph.graph.schema.errors import EmbeddingError
from candlegraph.memory.embeddings.embedder import Ask
from candlegraph.memory.embeddings.http import NotThere, Server, root_of


class Row(BaseModel):
    """One vector; some servers leave the index out."""

    index: int | None = None
    embedding: list[float]


class Answer(BaseModel):
    """What the endpoint says; other fields do not matter."""

    data: list[Row]


def asker(api_base: str, model: str, key: SecretStr | None, timeout: float) -> Ask:
    """Return what asks the endpoint; `api_base` may end in /v1 or not."""
    root = root_of(api_base).removesuffix("/v1")
    paths = [f"{root}/v1/embeddings", f"{root}/embeddings"]
    server = Server(timeout, key)

    def ask(texts: Sequence[str]) -> list[list[float]]:
        body = {"model": model, "input": list(texts), "encoding_format": "float"}
        try:
            answer = server.post(paths[0], body, Answer)
        except NotThere as e:
            try:
                answer = server.post(paths[1], body, Answer)
            except NotThere as second:
                raise EmbeddingError(f"{e}; {second}", is_down=True) from e
            paths.reverse()  # the one that is there first, from now on
        return _in_order(answer.data, paths[0])

    return ask


def _in_order(rows: list[Row], url: str) -> list[list[float]]:
    named = [row.index for row in rows if row.index is not None]
    if not named:
        return [row.embedding for row in rows]
    if sorted(named) != list(range(len(rows))):
        raise EmbeddingError(f"{url}: expected the indexes 0 to {len(rows) - 1}, each once")
    return [row.embedding for row in sorted(rows, key=lambda row: row.index or 0)]

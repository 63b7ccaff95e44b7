"""POST JSON to an embedding server; every failure is an EmbeddingError that names the address and never the key."""

from __future__ import annotations

import os
from typing import Any, TypeVar

import httpx
from pydantic import BaseModel, SecretStr, ValidationError

from candlegraph.graph.schema.errors import EmbeddingError
from candlegraph.graph.settings.addresses import parsed_address
from candlegraph.graph.settings.network import advice_on, check_environment

ADDRESS = "experience_config.rag_config.embedding.api_base"

SHOWN = 160
"""Characters of a server's own words."""
Answer = TypeVar("Answer", bound=BaseModel)


class NotThere(EmbeddingError):
    """The server has nothing at this address."""


class TextRefused(EmbeddingError):
    """The server is well, what it was sent is not."""


class Server:
    """One server's connections."""

    def __init__(self, timeout: float, key: SecretStr | None = None) -> None:
        self._key = None if key is None else key.get_secret_value()
        check_environment(os.environ)
        headers = {} if key is None else {"Authorization": f"Bearer {key.get_secret_value()}"}
        self._client = httpx.Client(timeout=timeout, headers=headers)

    def post(self, url: str, body: dict[str, Any], shape: type[Answer]) -> Answer:
        """Return the answer; raise NotThere for a 404, EmbeddingError for all else."""
        try:
            response = self._client.post(url, json=body)
        except httpx.HTTPError as e:
            advice = advice_on(url, str(e), os.environ)
            raise EmbeddingError(f"{url}: {type(e).__name__}: {e}{advice}", is_down=True) from e
        said = f"{url}: status {response.status_code}: {self._without_key(response.text)[:SHOWN]}"
        if response.status_code == httpx.codes.NOT_FOUND:
            raise NotThere(said, is_down=True)
        if not response.is_success:
            # 400, 413 and 422 are about what was asked; all others about the server, the key or the limit.
            if response.status_code in (400, 413, 422):
                raise TextRefused(said)
            raise EmbeddingError(said, is_down=True)
        try:
            return shape.model_validate_json(response.content)
        except ValidationError as e:
            first = e.errors(include_url=False, include_input=False)[0]
            where = ".".join(map(str, first["loc"]))
            why = f"{where}: {first['msg']}" if where else f"no JSON, but {self._without_key(response.text)[:SHOWN]!r}"
            raise EmbeddingError(f"{url}: not the expected answer: {why}") from e

    def _without_key(self, text: str) -> str:
        """Return a server's words; some quote the key that they refuse."""
        return text.replace(self._key, "***") if self._key else text


def root_of(api_base: str) -> str:
    """Return the address without a slash at its end; raise ConfigError where it is none."""
    parsed_address(api_base, ADDRESS)
    return api_base.strip().rstrip("/")

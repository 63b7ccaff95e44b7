"""Keep literal keys out of freqtrade's result archives, which hold the whole configuration (DECISIONS 28)."""

from __future__ import annotations

import logging
from collections.abc import Iterator, Mapping
from typing import Any

logger = logging.getLogger(__name__)


def blank_secrets(config: Any) -> None:
    """Empty every key, and the address of a shared memory, in `config` and in freqtrade's copy of the files; warn."""
    places = [config, config.get("original_config") or {}]
    found = [one for place in places for one in _secrets(place) if one[1].get(one[2])]
    for _, block, key in found:
        block[key] = None
    for name in dict.fromkeys(f"{above}.{key}" for above, _, key in found if key == "api_key"):
        logger.warning("%s stands in a configuration file; CANDLEGRAPH_API_KEY is the safer place", name)


def _secrets(config: Mapping[str, Any]) -> Iterator[tuple[str, dict[str, Any], str]]:
    """Yield every block that may hold a secret, with its name before it and the secret's key behind."""
    for block in _models(_block(config, "llm_config")):
        yield "llm_config", block, "api_key"
    rag = _block(_block(config, "experience_config"), "rag_config")
    yield "experience_config.rag_config", rag, "database_url"
    yield "experience_config.rag_config.embedding", _block(rag, "embedding"), "api_key"


def _models(llm_config: dict[str, Any]) -> Iterator[dict[str, Any]]:
    """Yield the first model's block, each fallback's, each role's."""
    yield llm_config
    yield from llm_config.get("fallbacks") or []
    yield from (llm_config.get("roles") or {}).values()


def _block(config: Mapping[str, Any], name: str) -> dict[str, Any]:
    """Return the named block; an empty one where there is none."""
    found = config.get(name)
    return found if isinstance(found, dict) else {}

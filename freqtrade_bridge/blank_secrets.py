"""Keep literal keys out of freqtrade's result archives, which hold the whole configuration (DECISIONS 28)."""

from __future__ import annotations

import logging
from collections.abc import Iterator
from typing import Any

logger = logging.getLogger(__name__)


def blank_secrets(config: Any) -> None:
    """Empty every `api_key` of `llm_config` in `config` and in freqtrade's copy of the files; say so where one was."""
    places = [config, config.get("original_config") or {}]
    found = [block for place in places for block in _blocks(place.get("llm_config")) if block.get("api_key")]
    for block in found:
        block["api_key"] = None
    if found:
        logger.warning("llm_config.api_key stands in a configuration file; CANDLEGRAPH_API_KEY is the safer place")


def _blocks(llm_config: Any) -> Iterator[dict[str, Any]]:
    """Yield every block that may hold a key: the first model's, each fallback's, each role's."""
    if not isinstance(llm_config, dict):
        return
    yield llm_config
    yield from llm_config.get("fallbacks") or []
    yield from (llm_config.get("roles") or {}).values()

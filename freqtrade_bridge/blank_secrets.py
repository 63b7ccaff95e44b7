"""Keep literal keys out of freqtrade's result archives, which hold the whole configuration (DECISIONS 28)."""

from __future__ import annotations

import logging
from typing import Any

logger = logging.getLogger(__name__)


def blank_secrets(config: Any) -> None:
    """Empty `llm_config.api_key` in `config` and in freqtrade's copy of the files; say so where one was there."""
    places = [config, config.get("original_config") or {}]
    blocks = [block for place in places if isinstance(block := place.get("llm_config"), dict) and block.get("api_key")]
    for block in blocks:
        block["api_key"] = None
    if blocks:
        logger.warning("llm_config.api_key stands in a configuration file; CANDLEGRAPH_API_KEY is the safer place")

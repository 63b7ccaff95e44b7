"""What became of keys that are gone, the earlier system's and ours, and which key an unknown one was meant to be."""

from __future__ import annotations

import re
from collections.abc import Iterable
from typing import NamedTuple


class MovedKey(NamedTuple):
    """Where a key that is gone went; `to` is None where it has no counterpart."""

    to: str | None
    why: str = ""


RAG = "experience_config.rag_config"
SHARES = "context_config.allocation"
FATES: dict[str, MovedKey] = {
    "experience_config.enable_rag": MovedKey("experience_config.use_experience"),
    f"{RAG}.similarity_threshold": MovedKey(f"{RAG}.vector_store.similarity_threshold"),
    f"{RAG}.top_k": MovedKey(f"{RAG}.vector_store.top_k"),
    f"{RAG}.min_trades_for_learning": MovedKey("experience_config.min_trades_for_learning"),
    f"{RAG}.enable_reward_learning": MovedKey(
        None, "rewards are always counted; min_trades_for_learning says from when on they reach a prompt"
    ),
    f"{RAG}.embedding.model_name": MovedKey(f"{RAG}.embedding.model"),
    f"{RAG}.embedding.api_url": MovedKey(f"{RAG}.embedding.api_base"),
    f"{RAG}.embedding.api_type": MovedKey(f"{RAG}.embedding.provider"),
    f"{RAG}.embedding.dimension": MovedKey(None, "the dimension is read from the model's first answer"),
    "context_config.include_multi_timeframe_data": MovedKey(
        "context_config.timeframes", "one timeframe is one in the list"
    ),
    f"{SHARES}.system_prompt": MovedKey(f"{SHARES}.system"),
    f"{SHARES}.account_info": MovedKey(f"{SHARES}.account"),
    f"{SHARES}.technical_indicators": MovedKey(f"{SHARES}.indicator_history"),
    f"{SHARES}.rag_similar_trades": MovedKey(f"{SHARES}.similar_trades"),
}
"""By the key's whole path."""
BY_SHARE = MovedKey(None, "winners and losers are shown by their share of the similar trades, the most similar of each")
GONE = {f"{RAG}.ranking.{name}": BY_SHARE for name in ("recency_weight", "half_life_days", "importance_weight")}
"""Keys that were ours."""


def meant(name: str, names: Iterable[str]) -> str | None:
    """Return the one of `names` that `name` is a misspelling of; None where it may be another thing."""
    found = [one for one in names if _is_slip(name, one)]
    return found[0] if len(found) == 1 else None


def _is_slip(given: str, right: str) -> bool:
    """Return whether the words are the same but for a letter each: `max` is no slip of `min`."""
    if _distance(_squashed(given), _squashed(right)) <= 1:
        return True
    ours, theirs = given.lower().split("_"), right.split("_")
    return len(ours) == len(theirs) and all(_distance(*pair) <= 1 for pair in zip(ours, theirs, strict=True))


def _squashed(name: str) -> str:
    return re.sub(r"[^a-z0-9]", "", name.lower())


def _distance(one: str, other: str) -> int:
    """Return how many letters must be added, dropped, changed or swapped with their neighbour."""
    before, row = list[int](), list(range(len(other) + 1))
    for i, letter in enumerate(one, 1):
        older, before, row = before, row, [i]
        for j, wanted in enumerate(other, 1):
            best = min(before[j] + 1, row[j - 1] + 1, before[j - 1] + (letter != wanted))
            if i > 1 and j > 1 and (letter, one[i - 2]) == (other[j - 2], wanted):
                best = min(best, older[j - 2] + 1)
            row.append(best)
    return row[-1]

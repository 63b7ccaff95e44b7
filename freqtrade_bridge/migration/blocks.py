"""The earlier system's configuration in our form, with one row for what became of each key; reads and writes nothing.

freqtrade's keys -> our four blocks, key by key -> secrets out -> what is not valid out -> the new form
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping, Sequence
from copy import deepcopy
from dataclasses import dataclass, field
from typing import Any, Literal, TypeAlias, get_args

from pydantic import BaseModel, ValidationError

from candlegraph.freqtrade_bridge.migration.freqtrade_keys import carry_freqtrade
from candlegraph.graph.settings.block import Block
from candlegraph.graph.settings.context import MOST_PAST, ContextConfig, Series, minutes_of
from candlegraph.graph.settings.moved_keys import FATES, RAG, meant
from candlegraph.graph.settings.settings import Settings

Became: TypeAlias = Literal["taken", "moved", "replaced", "added", "left out", "no counterpart", "became"]
PROVIDERS = {"openai": "openai", "ollama": "ollama", "local": "local", "sentence_transformers": "sentence_transformers"}
MULTI, HISTORY = "context_config.include_multi_timeframe_data", "context_config.multi_timeframe_history"
API_TYPE = f"{RAG}.embedding.api_type"
EMBEDDING, LLM = f"{RAG}.embedding.api_key", "llm_config.api_key"
KEY = "CANDLEGRAPH_API_KEY"


@dataclass(frozen=True)
class KeyRow:
    """What became of one key; no value of a secret is ever in it."""

    key: str
    became: Became
    how: str = ""


@dataclass
class Migration:
    """The new configuration, the secrets that left it, and the account of both."""

    config: dict[str, Any] = field(default_factory=dict)
    secrets: dict[str, str] = field(default_factory=dict)
    rows: dict[str, KeyRow] = field(default_factory=dict)
    holds_secrets: bool = False
    """A secret could not leave the file: only its owner may read it."""

    def note(self, key: str, became: Became, how: str = "") -> None:
        """Say what became of a key; the last word counts."""
        self.rows[key] = KeyRow(key, became, how)

    def put(self, path: str, value: Any) -> None:
        """Set a key of the new form; what is no block where one must be makes place for it."""
        *blocks, name = path.split(".")
        block = self.config
        for one in blocks:
            if not isinstance(block.get(one), dict):
                block[one] = {}
            block = block[one]
        block[name] = deepcopy(value)

    def take(self, path: str) -> Any:
        """Remove a key of the new form, and return what it was; None where it is not set."""
        *blocks, name = path.split(".")
        block: Any = self.config
        for one in blocks:
            block = block.get(one) if isinstance(block, Mapping) else None
        return block.pop(name, None) if isinstance(block, dict) else None


def migrated(old: Mapping[str, Any]) -> Migration:
    """Return the new form of a configuration."""
    new = Migration()
    carry_freqtrade(new, {key: value for key, value in old.items() if key not in Settings.model_fields})
    for name in Settings.model_fields:
        if name in old:
            _carry(new, name, old[name], Settings)
    _choose_timeframes(new, old)
    _choose_provider(new, old)
    _hide_keys(new)
    _leave_out_invalid(new)
    _write_as_meant(new.config, Settings.model_validate(_ours(new.config)))
    return new


def _carry(new: Migration, path: str, value: Any, block: type[BaseModel]) -> None:
    """Carry one key of `block`, or all below it; `path` is the old one."""
    name = path.rpartition(".")[2]
    known = block.model_fields.get(name)
    if (fate := FATES.get(path)) is not None:
        if fate.to is not None and path not in (MULTI, API_TYPE):
            new.put(fate.to, value)
        new.note(path, "moved" if fate.to else "no counterpart", fate.to or fate.why)
    elif known is None:
        right = meant(name, block.model_fields)
        new.note(path, "no counterpart", f"not known here; did you mean {right!r}?" if right else "not known here")
    elif isinstance(value, Mapping) and isinstance(known.annotation, type) and issubclass(known.annotation, Block):
        for inner, one in value.items():
            _carry(new, f"{path}.{inner}", one, known.annotation)
    else:
        new.put(path, value)
        new.note(path, "taken")


def _choose_timeframes(new: Migration, old: Mapping[str, Any]) -> None:
    """Write the timeframes down where they are not our own: the main one first, which freqtrade must be told too."""
    context = old.get("context_config")
    context = context if isinstance(context, Mapping) else {}
    if "timeframes" in context:
        return
    ours = ContextConfig().timeframes
    main, history = str(old.get("timeframe", ours[0])), context.get("multi_timeframe_history")
    several = _truth(context.get("include_multi_timeframe_data", True))
    wanted = history if several and isinstance(history, Mapping) and history else ours[1:] if several else ()
    lengths = {one: minutes_of(one) or 0 for one in (main, *wanted)}
    longer = sorted((one for one in wanted if lengths[one] > lengths[main]), key=lengths.__getitem__)
    chosen = [main, *longer]
    if tuple(chosen) != ours:
        new.put("context_config.timeframes", chosen)
    told = f"context_config.timeframes = {', '.join(chosen)}"
    if MULTI in new.rows:
        new.note(MULTI, "replaced", told)
    if HISTORY in new.rows:
        _choose_history(new, history if several and isinstance(history, Mapping) else {}, chosen)
    if tuple(chosen) != ours and not {MULTI, HISTORY} & new.rows.keys():
        new.note("context_config.timeframes", "added", f"{', '.join(chosen)}: they begin with freqtrade's timeframe")


def _choose_history(new: Migration, history: Mapping[str, Any], timeframes: Sequence[str]) -> None:
    """Carry candles and fields of each timeframe that is seen, and say what of them is not known here."""
    taken: dict[str, dict[str, Any]] = {}
    left = [name for name in history if name not in timeframes]
    for name in timeframes:
        told = history.get(name)
        if isinstance(told, Mapping):
            fields, candles = told.get("fields", ()), told.get("candles")
            known = [one for one in fields if one in get_args(Series)] if isinstance(fields, list) else []
            left += [f"{name}.{one}" for one in fields if one not in known]
            taken[name] = {"fields": known} if known else {}
            if isinstance(candles, int) and candles > 0:
                taken[name]["candles"] = min(candles, MOST_PAST)
                left += [f"{name}.candles above {MOST_PAST}"] if candles > MOST_PAST else []
    new.put(HISTORY, taken) if taken else new.take(HISTORY)
    said = f"context_config.timeframes = {', '.join(timeframes)}"
    new.note(HISTORY, "taken" if taken else "replaced", said + (f"; left out: {', '.join(left)}" if left else ""))


def _choose_provider(new: Migration, old: Mapping[str, Any]) -> None:
    """Write down how the embeddings are asked for; without an address there is nobody to ask."""
    embedding = _at(old, f"{RAG}.embedding")
    if not isinstance(embedding, Mapping) or "provider" in embedding:
        return
    word = str(embedding.get("api_type", "openai")).strip().lower().replace("-", "_")
    address = embedding.get("api_url", embedding.get("api_base"))
    provider = PROVIDERS.get(word, "openai" if address else "none")
    if provider == "openai" and not address:
        provider = "none"
    new.put(f"{RAG}.embedding.provider", provider)
    how = f"{RAG}.embedding.provider = {provider!r}"
    if provider == "none":
        how += ": without an address texts are not embedded; situations alone are compared"
    elif word not in PROVIDERS:
        how += ": any endpoint of that kind"
    new.note(API_TYPE, "moved" if API_TYPE in new.rows and word == provider else "replaced", how)


def _hide_keys(new: Migration) -> None:
    """Move every key of a model out of the configuration, each to a variable that no other endpoint reads."""
    found = {path: value for path in (LLM, EMBEDDING) if isinstance(value := new.take(path), str) and value.strip()}
    hosts = {_at(new.config, "llm_config.api_base"), _at(new.config, f"{RAG}.embedding.api_base") or None}
    is_embedded = _at(new.config, f"{RAG}.embedding.provider") not in (None, "none")
    is_one = len(set(found.values())) == 1 and (len(found) == 2 or not is_embedded or len(hosts) == 1)
    for path, secret in found.items():
        name = KEY if is_one else f"CANDLEGRAPH_{'LLM' if path == LLM else 'EMBEDDING'}_API_KEY"
        new.secrets[name] = secret.strip()
        if not is_one:
            new.put(f"{path}_env", name)
        new.note(path, "moved", f".env, {name}")
    for path in (LLM, EMBEDDING):
        if path in new.rows and path not in found:
            new.note(path, "left out", "it is empty")
    _hide_further_keys(new)


def _hide_further_keys(new: Migration) -> None:
    """Move the keys of fallbacks and roles, and the address of a shared memory."""
    llm = new.config.get("llm_config")
    for path, block in _overrides(llm if isinstance(llm, Mapping) else {}):
        secret = block.pop("api_key", None)
        if isinstance(secret, str) and secret.strip():
            block["api_key_env"] = f"CANDLEGRAPH_{re.sub(r'[^A-Z0-9]', '_', path.upper())}_API_KEY"
            new.secrets[block["api_key_env"]] = secret.strip()
            new.note(f"llm_config.{path}.api_key", "moved", f".env, {block['api_key_env']}")
    if isinstance(address := new.take(f"{RAG}.database_url"), str):
        name = "FREQTRADE__EXPERIENCE_CONFIG__RAG_CONFIG__DATABASE_URL"
        new.secrets[name] = address
        new.note(f"{RAG}.database_url", "moved", f".env, {name}")
    new.holds_secrets |= bool(_at(new.config, "llm_config.options"))  # whatever an endpoint wants, a header too


def _overrides(llm: Mapping[str, Any]) -> Iterator[tuple[str, dict[str, Any]]]:
    fallbacks, roles = llm.get("fallbacks"), llm.get("roles")
    listed = enumerate(fallbacks) if isinstance(fallbacks, list) else ()
    named = roles.items() if isinstance(roles, Mapping) else ()
    for group, entries in (("fallbacks", listed), ("roles", named)):
        yield from ((f"{group}.{name}", block) for name, block in entries if isinstance(block, dict))


def _leave_out_invalid(new: Migration) -> None:
    """Take out what no setting admits, so that the new form loads; each is said with its reason."""
    while True:
        try:
            Settings.model_validate(_ours(new.config))
            return
        except ValidationError as e:
            for fault in e.errors(include_url=False):
                _leave_out(new, fault)


def _leave_out(new: Migration, fault: Any) -> None:
    """Take out the key that a fault names; a key inside a list goes with the list."""
    path = ".".join(_until_list(fault["loc"]))
    new.take(path)
    source = next((old for old, fate in FATES.items() if fate.to == path and old in new.rows), path)
    given = fault["input"]
    shown = (
        repr(given) if isinstance(given, int | float | bool) or (isinstance(given, str) and len(given) < 30) else "it"
    )
    new.note(source, "left out", f"{shown} is not valid: {fault['msg'].removeprefix('Value error, ')}")


def _until_list(path: tuple[str | int, ...]) -> Iterator[str]:
    for part in path:
        if isinstance(part, int):
            return
        yield part


def _write_as_meant(written: dict[str, Any], block: BaseModel) -> None:
    """Write numbers and truths that stood as text as what they were read as."""
    for name in written.keys() & type(block).model_fields.keys():
        read = getattr(block, name)
        if isinstance(read, BaseModel) and isinstance(written[name], dict):
            _write_as_meant(written[name], read)
        elif isinstance(read, int | float | bool) and not isinstance(written[name], int | float):
            written[name] = read


def _ours(config: Mapping[str, Any]) -> dict[str, Any]:
    return {name: config[name] for name in Settings.model_fields if name in config}


def _at(config: Mapping[str, Any], path: str) -> Any:
    found: Any = config
    for name in path.split("."):
        found = found.get(name) if isinstance(found, Mapping) else None
    return found


def _truth(value: Any) -> bool:
    return str(value).strip().lower() not in ("false", "0", "no", "off", "none", "null", "")

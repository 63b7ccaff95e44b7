"""Freqtrade's own keys on the way into our form: what the strategy stands on, and secrets."""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping
from copy import deepcopy
from typing import TYPE_CHECKING, Any

from candlegraph.freqtrade_bridge.host.configuration_files import CCXT, PREFIX, environment
from candlegraph.freqtrade_bridge.host.keys import INSTEAD, OURS
from candlegraph.graph.settings.refusal import KeyPath

if TYPE_CHECKING:
    from candlegraph.freqtrade_bridge.migration.blocks import Migration

STRATEGY = "CandleGraphStrategy"
SECRET = re.compile(
    r"(api_?key|private_?key|secret_?key|secret|password|passphrase|token|webhook_url|^key|^uid)$", re.IGNORECASE
)
PRICING: dict[str, Any] = {"price_side": "other", "use_order_book": True, "order_book_top": 1}
WHY_PRICING = "price_side 'other': the strategy uses market orders"


def carry_freqtrade(new: Migration, old: Mapping[str, Any]) -> None:
    """Carry freqtrade's keys; those that would refuse the start are left out or replaced."""
    for key, value in old.items():
        if key in OURS or key == "order_types":
            instead = f"; use {INSTEAD[key]}" if key in INSTEAD else ""
            new.note(key, "left out", f"the strategy stands on its own value{instead}")
        elif key == "add_config_files":
            new.note(key, "replaced", "what those files say is in the new one")
        elif key == "protections":
            new.put("risk_management.protections", value)
            new.note(key, "moved", "risk_management.protections")
        else:
            new.config[key] = deepcopy(value)
            new.note(key, "taken")
    _replace(new, old)
    for path, secret in list(_secrets(new.config)):
        _hide(new, path, secret)


def _replace(new: Migration, old: Mapping[str, Any]) -> None:
    """Set what another value would refuse the start with."""
    if old.get("strategy") not in (None, STRATEGY):
        _set(new, "strategy", STRATEGY)
    if old.get("margin_mode") == "cross":
        _set(new, "margin_mode", "isolated", ": the gate counts on it")
    if old.get("trading_mode", "spot") == "spot":
        new.note("trading_mode", "taken", "but spot markets are not traded here: it must be 'futures'")
    for key, market in (("entry_pricing", "ask"), ("exit_pricing", "bid")):
        pricing = old.get(key)
        if not isinstance(pricing, Mapping):
            new.config[key] = dict(PRICING)
            new.note(key, "added", WHY_PRICING)
        elif pricing.get("price_side", "same") not in ("other", market):
            new.config[key] = {**pricing, "price_side": "other"}
            new.note(key, "replaced", WHY_PRICING)


def _set(new: Migration, key: str, value: str, why: str = "") -> None:
    new.config[key] = value
    new.note(key, "replaced", f"{value!r}{why}")


def _hide(new: Migration, path: KeyPath, secret: Any) -> None:
    """Move a secret to the variable that freqtrade reads; one that it would read as another value stays."""
    name = PREFIX + "__".join((*(str(part).upper() for part in path[:-1]), _last(path)))
    key = ".".join(map(str, path))
    if _value(environment({name: str(secret)}), path) != secret or "\n" in str(secret):
        new.holds_secrets = True
        new.note(key, "taken", "it stays in the file, which only you may read")
        return
    block: Any = new.config
    for part in path[:-1]:
        block = block[part]
    del block[path[-1]]
    new.secrets[name] = secret
    new.note(key, "moved", f".env, {name}")


def _last(path: KeyPath) -> str:
    """Return the variable's last word: freqtrade keeps its case below ccxt_config alone."""
    return str(path[-1]) if any(part in CCXT for part in path) else str(path[-1]).upper()


def _secrets(block: Mapping[Any, Any], above: KeyPath = ()) -> Iterator[tuple[KeyPath, Any]]:
    """Yield every secret with its path; what stands in a list is found too, though it cannot leave it."""
    for key, value in block.items():
        inner = value if isinstance(value, Mapping) else dict(enumerate(value)) if isinstance(value, list) else None
        if inner is not None:
            yield from _secrets(inner, (*above, key))
        elif value and not isinstance(value, bool) and _is_secret((*above, key), value):
            yield (*above, key), value


def _is_secret(path: KeyPath, value: Any) -> bool:
    if path == ("db_url",):
        return "@" in str(value)
    return path == ("webhook", "url") or SECRET.search(str(path[-1])) is not None


def _value(found: Any, path: KeyPath) -> Any:
    for part in path:
        found = found.get(part) if isinstance(found, Mapping) else None
    return found

"""Keys of freqtrade's configuration: those the strategy needs as they are, and those that no archive may hold."""

from __future__ import annotations

import logging
from collections.abc import Iterator, Mapping
from typing import Any, get_args

from candlegraph.graph.schema.errors import ConfigError
from candlegraph.graph.settings.places import CandleFormat
from candlegraph.graph.settings.risk import RiskManagement

logger = logging.getLogger(__name__)

MAIN = "30m"
"""The strategy's timeframe where the configuration names none."""
OURS: dict[str, Any] = {
    "minimal_roi": {},
    "stoploss": -0.5,
    "trailing_stop": False,
    "use_custom_stoploss": True,
    "use_exit_signal": True,
    "exit_profit_only": False,
    "ignore_roi_if_entry_signal": False,
    "position_adjustment_enable": True,
    "max_entry_position_adjustment": -1,
    "startup_candle_count": 600,
}
"""What the strategy stands on; freqtrade would let its configuration replace these without a word."""


LOCKS = {"jwt_secret_key", "ws_token"}
"""What the API is locked with: in use in `config`, and left in the copy that every backtest archive gets."""


def blank_secrets(config: Any) -> None:
    """Empty every key, and the address of a shared memory, in `config` and in freqtrade's copy of the files; warn."""
    places = [config, config.get("original_config") or {}]
    found = [one for place in places for one in _secrets(place) if one[1].get(one[2])]
    for _, block, key in found:
        block[key] = None
    copy = _block(places[1], "api_server")
    for key in LOCKS & copy.keys():
        copy[key] = None
    for name in dict.fromkeys(f"{above}.{key}" for above, _, key in found if key == "api_key"):
        logger.warning("%s stands in a configuration file; CANDLEGRAPH_API_KEY is the safer place", name)


def _secrets(config: Mapping[str, Any]) -> Iterator[tuple[str, dict[str, Any], str]]:
    """Yield every block that may hold a secret, with its name before it and the secret's key behind."""
    for block in _models(_block(config, "llm_config")):
        yield "llm_config", block, "api_key"
    rag = _block(_block(config, "experience_config"), "rag_config")
    yield "experience_config.rag_config", rag, "database_url"
    yield "experience_config.rag_config.embedding", _block(rag, "embedding"), "api_key"
    yield "monitoring", _block(config, "monitoring"), "ping_url"


def _models(llm_config: dict[str, Any]) -> Iterator[dict[str, Any]]:
    """Yield the first model's block, each fallback's, each role's."""
    yield llm_config
    yield from llm_config.get("fallbacks") or []
    yield from (llm_config.get("roles") or {}).values()


def _block(config: Mapping[str, Any], name: str) -> dict[str, Any]:
    """Return the named block; an empty one where there is none."""
    found = config.get(name)
    return found if isinstance(found, dict) else {}


INSTEAD = {
    "stoploss": "risk_management.stop_atr_multiple",
    "trailing_stop": "risk_management.trailing_after_r",
    "order_types": "risk_management.stop_on_exchange",
    "minimal_roi": "the take_profit of each decision",
}


def refuse_conflicts(config: Mapping[str, Any]) -> None:
    """Raise ConfigError for a key of the user's own configuration that would replace what the strategy stands on."""
    given: Mapping[str, Any] = config.get("original_config") or {}
    for key, ours in OURS.items():
        if key in given and given[key] != ours:
            raise ConfigError(_conflict(key, given[key], f"only {ours!r} is valid; leave it out"))
    if given.get("margin_mode") == "cross":
        raise ConfigError(_conflict("margin_mode", "cross", "only 'isolated' is valid: the gate counts on it"))
    if "order_types" in given:
        raise ConfigError(_conflict("order_types", given["order_types"], "the strategy sets it; leave it out"))


def refused_mode(config: Mapping[str, Any]) -> Iterator[tuple[str, str]]:
    """Yield key and reason where the configuration does not trade futures with isolated margin."""
    mode = str(config.get("trading_mode", ""))
    if mode != "futures":
        said = f"trading_mode = {mode!r}" if mode else "trading_mode is missing, which freqtrade takes for 'spot'"
        yield "trading_mode", f"{said}: only 'futures' is valid, spot is not there yet"
    elif not config.get("margin_mode"):
        yield "margin_mode", "margin_mode is missing: only 'isolated' is valid"


def refused_format(config: Mapping[str, Any]) -> Iterator[tuple[str, str]]:
    """Yield key and reason where the configuration names a format of candle files that freqtrade cannot read."""
    form = config.get("dataformat_ohlcv")
    if form is not None and form not in get_args(CandleFormat):
        valid = f"{form!r}: expected one of {', '.join(get_args(CandleFormat))}"
        yield "dataformat_ohlcv", f"dataformat_ohlcv = {valid}; `freqtrade convert-data` writes them"


def _conflict(key: str, value: Any, valid: str) -> str:
    instead = f" (use {INSTEAD[key]})" if key in INSTEAD else ""
    return f"config: {key} = {value!r}: {valid}{instead}"


def order_types(config: Mapping[str, Any], rules: RiskManagement) -> dict[str, Any]:
    """Return freqtrade's order types: market orders; the stop on the exchange where it is wanted and supported."""
    on_exchange = rules.stop_on_exchange and takes_stops(config)
    return {"entry": "market", "exit": "market", "stoploss": "market", "stoploss_on_exchange": on_exchange}


def takes_stops(config: Mapping[str, Any]) -> bool:
    """Return whether freqtrade can place stop orders of type market on the configured exchange."""
    # Here: `candlegraph check` reads the keys above, and these take seconds.
    from freqtrade import exchange as exchanges
    from freqtrade.exchange.common import MAP_EXCHANGE_CHILDCLASS

    name = str(config["exchange"]["name"])
    offered = getattr(exchanges, MAP_EXCHANGE_CHILDCLASS.get(name, name).capitalize(), exchanges.Exchange)
    features: dict[str, Any] = dict(offered._ft_has)
    if config.get("trading_mode") == "futures":
        features |= offered._ft_has_futures
    return bool(features.get("stoploss_on_exchange")) and "market" in features.get("stoploss_order_types", {})


def slots(config: Mapping[str, Any], rules: RiskManagement) -> int:
    """Return the lower of freqtrade's and our `max_open_trades`; freqtrade means no limit by -1."""
    theirs = config["max_open_trades"]
    return rules.max_open_trades if theirs < 0 else int(min(theirs, rules.max_open_trades))


def protections(rules: RiskManagement) -> list[dict[str, Any]]:
    """Return the protections in freqtrade's form: of each method only the keys that it reads."""
    return [one.model_dump(include=one.read_keys) for one in rules.protections]

"""Freqtrade configurations that trade on the loopback exchange."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from candlegraph.freqtrade_bridge.host.configuration_files import ConfigFiles
from candlegraph.graph.schema.errors import ConfigError

PLAYED = "binance"
"""The exchange whose futures market the loopback exchange plays."""

PATHS = {
    "public": "api/v3", "private": "api/v3", "v1": "api/v1",
    "fapiPublic": "fapi/v1", "fapiPublicV2": "fapi/v2", "fapiPublicV3": "fapi/v3", "fapiData": "futures/data",
    "fapiPrivate": "fapi/v1", "fapiPrivateV2": "fapi/v2", "fapiPrivateV3": "fapi/v3",
    "dapiPublic": "dapi/v1", "dapiPrivate": "dapi/v1", "dapiPrivateV2": "dapi/v2", "dapiData": "futures/data",
    "eapiPublic": "eapi/v1", "eapiPrivate": "eapi/v1", "papi": "papi/v1", "papiV2": "papi/v2",
    "sapi": "sapi/v1", "sapiV2": "sapi/v2", "sapiV3": "sapi/v3", "sapiV4": "sapi/v4",
}  # fmt: skip
"""Every API of ccxt's binance: freqtrade merges these over ccxt's own, and one left out would be the real exchange."""


def offline_exchange(url: str, pairs: Sequence[str]) -> dict[str, Any]:
    """Return freqtrade's `exchange` block for the loopback exchange at `url`."""
    return {
        "name": "binance",
        "key": "",
        "secret": "",
        "enable_ws": False,
        "only_from_ccxt": True,
        "markets_refresh_interval": 525_600,
        "ccxt_config": {
            "enableRateLimit": False,
            "options": {"fetchMarkets": {"types": ["linear"]}},
            "urls": {"api": {name: f"{url}/{path}" for name, path in PATHS.items()}},
        },
        "ccxt_async_config": {"timeout_on_exit": 0},  # ms: there is no far end whose good-bye is to be waited for
        "pair_whitelist": list(pairs),
        "pair_blacklist": [],
    }


def refuse_unplayed(read: ConfigFiles) -> None:
    """Raise ConfigError where the configuration names an exchange that the loopback exchange does not play."""
    exchange = read.merged.get("exchange")
    name = exchange.get("name") if isinstance(exchange, Mapping) else None
    if name is not None and str(name).lower() != PLAYED:
        where = read.place(("exchange", "name"))
        raise ConfigError(
            f"{where}: exchange.name = {name!r}: --offline plays {PLAYED!r} and no other; "
            f"without --offline {name} itself is asked"
        )


def offline_sentiment(config: Mapping[str, Any], url: str) -> dict[str, Any]:
    """Return the configuration's `context_config`, with the Fear & Greed index of the loopback exchange at `url`."""
    context = dict(config.get("context_config") or {})
    return context | {"sentiment": dict(context.get("sentiment") or {}) | {"fear_greed_url": f"{url}/fng/"}}


def base_config(wallet: float = 10_000, max_open_trades: int = 3) -> dict[str, Any]:
    """Return the rest of a minimal futures configuration: dry-run, isolated margin, market orders."""
    pricing = {"price_side": "other", "use_order_book": True, "order_book_top": 1}
    return {
        "trading_mode": "futures",
        "margin_mode": "isolated",
        "stake_currency": "USDT",
        "stake_amount": "unlimited",
        "dry_run": True,
        "dry_run_wallet": wallet,
        "tradable_balance_ratio": 0.99,
        "max_open_trades": max_open_trades,
        "timeframe": "30m",
        "fiat_display_currency": "",
        "cancel_open_orders_on_exit": False,
        "unfilledtimeout": {"entry": 10, "exit": 10, "unit": "minutes", "exit_timeout_count": 0},
        "entry_pricing": pricing,
        "exit_pricing": dict(pricing),
        "pairlists": [{"method": "StaticPairList"}],
        "internals": {"process_throttle_secs": 5},
        "bot_name": "candlegraph",
        "initial_state": "running",
    }

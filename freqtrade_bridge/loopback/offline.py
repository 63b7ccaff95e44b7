"""What a run without the network stands on: the user's configuration on the loopback exchange, and the markets there.

configuration → timeframe, format of the candle files → pairs that have candles → markets → one file for freqtrade
"""

from __future__ import annotations

import json
import os
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from candlegraph.freqtrade_bridge.host.configuration_files import PREFIX, merged_files, over
from candlegraph.freqtrade_bridge.host.keys import MAIN
from candlegraph.freqtrade_bridge.loopback.configuration import base_config, offline_exchange
from candlegraph.freqtrade_bridge.loopback.markets import Market, markets_of_datadir
from candlegraph.freqtrade_bridge.loopback.series import OFFERED, length_of
from candlegraph.graph.schema.errors import CandleError, ConfigError
from candlegraph.graph.settings.places import CandleFormat
from candlegraph.tools.market.candle_files import format_in, futures_in

PAIRLISTS = [{"method": "StaticPairList"}]
"""Of freqtrade's lists the one that takes the pairs as they are named."""
FORMAT = "dataformat_ohlcv"
OUTSIDE = ("telegram", "webhook", "discord", "external_message_consumer")
"""Blocks of freqtrade that reach into the network."""


def offline_markets(
    config: Mapping[str, Any], datadir: Path, pairs: Sequence[str], *, finest: bool = False
) -> list[Market]:
    """Return the markets of the named pairs, else of those that the configuration lists and that have candles.

    `finest`: of their shortest candles, for their prices between two closes.
    """
    main = str(config.get("timeframe", MAIN))
    form: CandleFormat | None = config.get(FORMAT) or format_in(datadir, main)
    traded = pairs or _listed(config, datadir, main, form)
    shorter = [one for one in OFFERED if finest and length_of(one) < length_of(main)]
    base = next((one for one in shorter if form and set(traded) <= set(futures_in(datadir, one, form))), main)
    return markets_of_datadir(datadir, traded, base, form)


def _listed(config: Mapping[str, Any], datadir: Path, main: str, form: CandleFormat | None) -> list[str]:
    """Return the pairs of the whitelist that have candles, all that have where there is none."""
    from freqtrade.plugins.pairlist.pairlist_helpers import expand_pairlist

    there = list(futures_in(datadir, main, form)) if form else []
    wanted = (config.get("exchange") or {}).get("pair_whitelist")
    try:
        found = there if wanted is None else list(dict.fromkeys(expand_pairlist(wanted, there)))
    except ValueError as e:  # freqtrade's name for a pattern that is none
        raise ConfigError(f"config: exchange.pair_whitelist: {e}; expected pairs, or patterns like .*/USDT:USDT") from e
    if not found:
        whose = "of any pair" if wanted is None else f"of a pair in exchange.pair_whitelist ({', '.join(wanted)})"
        how = "`freqtrade download-data` loads some, `candlegraph demo` writes a sample"
        raise CandleError(f"{datadir}/futures: no {main} candles {whose}; {how}")
    return found


def format_found(config: Mapping[str, Any], datadir: Path) -> dict[str, Any]:
    """Return the key that names the format of the candle files, where the configuration does not."""
    form = None if FORMAT in config else format_in(datadir, str(config.get("timeframe", MAIN)))
    return {} if form is None else {FORMAT: form}


def only_named(pairs: Sequence[str]) -> dict[str, Any]:
    """Return the keys by which freqtrade takes the named pairs and no others; none without names."""
    return {"exchange": {"pair_whitelist": [*pairs], "pair_blacklist": []}, "pairlists": PAIRLISTS} if pairs else {}


def write_offline(
    path: Path, configs: Sequence[Path], stronger: Mapping[str, Any], url: str, markets: Sequence[Market]
) -> None:
    """Write the whole configuration into one file: what was said of the way to an exchange is left out."""
    given = over(stronger, merged_files(configs) if configs else base_config())
    theirs = {key: value for key, value in given.get("exchange", {}).items() if not key.startswith("ccxt_")}
    lists = ("pair_whitelist", "pair_blacklist")
    exchange = offline_exchange(url, [market.pair for market in markets])
    exchange |= {key: theirs[key] for key in lists if key in theirs}
    whole = {key: value for key, value in given.items() if key != "add_config_files"} | {"exchange": theirs | exchange}
    path.write_text(json.dumps(whole), encoding="utf-8")


def offline_environment() -> dict[str, str]:
    """Return the variables, but for those that would lead freqtrade elsewhere, or here by way of a proxy."""
    out = tuple(f"{PREFIX}{one}".upper() for one in ("exchange__ccxt", *OUTSIDE))
    return {name: text for name, text in os.environ.items() if not name.upper().startswith(out)}


def outside_of(config: Mapping[str, Any]) -> list[str]:
    """Return what of the configuration would reach into the network besides the exchange and the model."""
    on = [name for name in OUTSIDE if isinstance(config.get(name), Mapping) and config[name].get("enabled")]
    return on + (["fiat_display_currency"] if config.get("fiat_display_currency") else [])


def without(names: Sequence[str]) -> dict[str, Any]:
    """Return the keys that switch these off."""
    return {name: {"enabled": False} if name in OUTSIDE else "" for name in names}

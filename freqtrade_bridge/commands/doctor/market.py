"""The exchange as everybody sees it: its clock, the pairs, how far each may be leveraged, how small an order may be."""

from __future__ import annotations

import copy
import time
from collections.abc import Iterator
from typing import Any

import ccxt
from freqtrade.enums import CandleType, RunMode
from freqtrade.exceptions import FreqtradeException
from freqtrade.plugins.pairlist.pairlist_helpers import expand_pairlist
from freqtrade.resolvers import ExchangeResolver

from candlegraph.freqtrade_bridge.commands.doctor.diagnosis import Diagnosis, Patient, fail, ok, warn
from candlegraph.graph.schema.errors import BridgeError

WORST_MS, ODD_MS = 1000, 500
"""Exchanges refuse what is a second ahead of them."""


def opened(patient: Patient, *, dry_run: bool) -> Any:
    """Return freqtrade's exchange, with keys only where it is not a dry-run; raise BridgeError where it cannot be."""
    config = copy.deepcopy(patient.config) | {
        "dry_run": dry_run,
        "runmode": RunMode.UTIL_EXCHANGE,
        "candle_type_def": CandleType.FUTURES,
    }
    try:
        exchange = ExchangeResolver.load_exchange(config, validate=False)
        if exchange.exchange_has("fetchTime"):
            exchange._api.fetch_time()  # freqtrade tries four times to load markets, and keeps the reason to itself
        exchange.reload_markets(True, load_leverage_tiers=False)
        exchange.fill_leverage_tiers()
    except (ccxt.BaseError, FreqtradeException) as e:
        raise BridgeError(f"{patient.exchange.get('name')}: {type(e).__name__}: {e}") from e
    if not exchange.markets:
        raise BridgeError(f"{patient.exchange.get('name')}: it names no markets: is it reached, and up?")
    return exchange


def market(patient: Patient) -> Iterator[Diagnosis]:
    """Yield whether it answers, its clock, and every pair."""
    try:
        exchange = opened(patient, dry_run=True)
    except BridgeError as e:
        yield fail("exchange", str(e), "look at the network, the address, and the exchange's status page")
        return
    yield ok("exchange", f"{exchange.name}: {len(exchange.markets)} markets")
    yield _clock(exchange)
    yield from _pairs(patient, exchange)


def _clock(exchange: Any) -> Diagnosis:
    before = time.time()
    try:
        theirs = exchange._api.fetch_time()
    except ccxt.BaseError as e:
        return warn("clock", f"{exchange.name} does not tell its time: {type(e).__name__}", "is NTP on?")
    after = time.time()
    off = theirs - 500 * (before + after)
    sure = max(0.0, abs(off) - 500 * (after - before))
    told = f"{abs(off) / 1000:.1f} s {'behind' if off > 0 else 'ahead of'} {exchange.name}"
    if sure > WORST_MS:
        return fail("clock", told, "it refuses signed requests: switch NTP on (timedatectl set-ntp true)")
    return warn("clock", told, "is NTP on?") if sure > ODD_MS else ok("clock", f"within {abs(off):.0f} ms")


def _pairs(patient: Patient, exchange: Any) -> Iterator[Diagnosis]:
    if not patient.pairs:
        yield warn("pairs", "none are listed", "exchange.pair_whitelist, unless your pairlists choose them")
        return
    try:
        found = expand_pairlist(list(patient.pairs), list(exchange.markets), keep_invalid=True)
    except ValueError as e:
        yield fail("pairs", str(e), "exchange.pair_whitelist: pairs, or patterns like .*/USDT:USDT")
        return
    sound = []
    for pair in found:
        problem = _unfit(pair, exchange)
        if problem is None:
            sound.append(pair)
        else:
            yield fail("pairs", f"{pair}: {problem}", "take it out of exchange.pair_whitelist")
    if sound:
        yield from _tiers(patient, exchange, sound)


def _unfit(pair: str, exchange: Any) -> str | None:
    known = exchange.markets.get(pair)
    if known is None:
        return f"{exchange.name} has no such pair"
    if known.get("active") is False:
        return f"{exchange.name} does not trade it now"
    return None if exchange.market_is_future(known) else "no future that freqtrade trades"


def _tiers(patient: Patient, exchange: Any, pairs: list[str]) -> Iterator[Diagnosis]:
    """Yield the pairs, and where the exchange gives less leverage than our limit."""
    limit = patient.settings.risk_management.max_leverage
    most = {pair: float(exchange.get_max_leverage(pair, 0.0)) for pair in pairs}
    if none := [pair for pair in pairs if most[pair] <= 1.0 < limit]:
        yield fail("tiers", f"{', '.join(none)}: no leverage tiers known", "update freqtrade, or take them out")
    lower = [f"{pair} {value:g}x" for pair, value in most.items() if 1.0 < value < limit]
    if lower:
        yield warn(
            "tiers", f"{', '.join(lower)}: less than max_leverage {limit:g}", "the lower one counts; lower yours"
        )
    if not none and not lower:
        yield ok("tiers", f"all of {len(pairs)} allow {limit:g}x")
    yield ok("pairs", ", ".join(pairs))

"""The account behind the keys, live only: what they may do, and whether positions and stops are those we know of."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

import ccxt
from sqlalchemy import URL, create_engine, make_url, text
from sqlalchemy.exc import SQLAlchemyError

from candlegraph.freqtrade_bridge.audit.account import KNOWN_EXCHANGES, LiveAccount
from candlegraph.freqtrade_bridge.audit.seen import HeldPosition, Look, Stop
from candlegraph.freqtrade_bridge.commands.doctor.diagnosis import Diagnosis, Patient, fail, ok, warn
from candlegraph.freqtrade_bridge.commands.doctor.market import opened
from candlegraph.graph.schema.errors import BridgeError

TRADES = "sqlite:///tradesv3.sqlite"
"""Freqtrade's database of live trades where none is named, in the folder where it is started."""
WALLETS = ("walletAddress", "wallet_address")
"""How freqtrade's configuration names the account of a decentralised exchange; a variable gives the second."""
FORBIDDEN = {
    "enableWithdrawals": "withdraw",
    "enableInternalTransfer": "transfer to other users",
    "permitsUniversalTransfer": "move money between accounts",
}
"""Rights of a key at Binance that no bot needs."""


def account(patient: Patient) -> Iterator[Diagnosis]:
    """Yield keys, rights, positions and stops."""
    named = [key for key in ("key", "secret") if patient.exchange.get(key)]
    if not patient.is_live:
        yield ok("keys", "a dry-run needs none" if not named else "not asked: a dry-run uses none")
        return
    if len(named) < 2 and not any(patient.exchange.get(key) for key in WALLETS):
        what = "dry_run is false, and there is no key or no secret"
        yield fail("keys", what, "FREQTRADE__EXCHANGE__KEY and FREQTRADE__EXCHANGE__SECRET in .env")
        return
    try:
        exchange = opened(patient, dry_run=False)
    except BridgeError as e:
        yield fail("keys", str(e), "are they whole, of this exchange, not expired, and this machine's address allowed?")
        return
    yield from _rights(exchange)
    yield from _held(patient, exchange)


def _rights(exchange: Any) -> Iterator[Diagnosis]:
    if not hasattr(exchange._api, "sapiGetAccountApiRestrictions"):
        yield warn("keys", f"taken; {exchange.name} does not tell their rights", "look there: no right to withdraw")
        return
    try:
        rights: Mapping[str, Any] = exchange._api.sapiGetAccountApiRestrictions({})
    except ccxt.BaseError as e:
        yield warn("keys", f"taken; their rights were not told: {type(e).__name__}", "look there: no right to withdraw")
        return
    may = [what for name, what in FORBIDDEN.items() if str(rights.get(name)).lower() == "true"]
    if may:
        yield fail(
            "keys", f"they may {' and '.join(may)}", "take that right away at the exchange; a bot never needs it"
        )
    if str(rights.get("enableFutures")).lower() != "true":
        yield fail("keys", "they may not trade futures", "give them that right at the exchange")
    elif str(rights.get("ipRestrict")).lower() != "true":
        yield warn("keys", "they work from every address", "restrict them to this machine's address at the exchange")
    elif not may:
        yield ok("keys", "they trade futures, from known addresses, and cannot withdraw")


def _held(patient: Patient, exchange: Any) -> Iterator[Diagnosis]:
    if patient.exchange.get("name") not in KNOWN_EXCHANGES:
        yield warn("positions", f"not compared: only {', '.join(KNOWN_EXCHANGES)} is known", "look at the exchange")
        return
    look = LiveAccount(exchange).look(patient.now)
    faults = list(strange(look, open_amounts(patient.config)))
    yield from faults
    if not faults:
        yield ok("positions", f"{len(look.positions)}, each known and behind a stop")


def strange(look: Look, known: Mapping[str, float]) -> Iterator[Diagnosis]:
    """Yield positions that freqtrade does not know (`known`: base amount by pair, below 0 for a short), and stops."""
    for one in look.positions:
        if not _same(one.amount, known.get(one.pair, 0.0)):
            what = f"{one.pair}: the exchange holds {one.amount:g}, freqtrade knows {known.get(one.pair, 0.0):g}"
            yield fail(
                "positions", what, "docs/live.md: a running bot's auditor asks what to do; else close it by hand"
            )
        if not _is_covered(one, look.stops_of(one.pair)):
            what = f"{one.pair}: no stop covers {one.size:g}"
            yield fail("stops", what, "start the bot, it sets one at once; or set it by hand")
    for pair in known.keys() - {one.pair for one in look.positions}:
        what = f"{pair}: freqtrade has an open trade, the exchange holds nothing"
        yield fail("positions", what, "was it closed by hand? start the bot, or /delete the trade")
    for stop in look.stops:
        if look.position(stop.pair) is None:
            what = f"{stop.pair}: an orphan, {stop.side} {stop.amount:g} at {stop.trigger:g}, and no position"
            yield fail("stops", what, f"cancel order {stop.id} at the exchange; a running bot's auditor does")


def _is_covered(held: HeldPosition, stops: tuple[Stop, ...]) -> bool:
    closing = [one for one in stops if one.closes(held.side)]
    return any(one.covers(held.size) for one in closing) or sum(one.amount for one in closing) >= held.size * 0.999


def _same(one: float, other: float) -> bool:
    return abs(one - other) <= 1e-3 * max(abs(one), abs(other))


def open_amounts(config: Mapping[str, Any]) -> dict[str, float]:
    """Return what freqtrade's database holds open by pair; nothing where there is none yet. It is only read."""
    url = make_url(str(config.get("db_url") or TRADES))
    if url.get_backend_name() == "sqlite" and not Path(str(url.database)).is_file():
        return {}
    query = text(
        "SELECT pair, SUM(CASE WHEN is_short THEN -amount ELSE amount END) FROM trades WHERE is_open GROUP BY 1"
    )
    engine = create_engine(url)
    try:
        with engine.connect() as connection:
            return {str(pair): float(amount or 0.0) for pair, amount in connection.execute(query)}
    except SQLAlchemyError as e:
        raise BridgeError(f"{_shown(url)}: freqtrade's trades cannot be read: {type(e).__name__}") from e
    finally:
        engine.dispose()


def _shown(url: URL) -> str:
    return url.render_as_string(hide_password=True)

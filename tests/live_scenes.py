"""Scenes of a live run for tests of faults: the market, the timetable, and the books of both sides."""

from datetime import UTC, datetime, timedelta

import backtests
from freqtrade.persistence import Trade
from markets import dipped, drawn
from virtual_live import WALLET, VirtualLive

from candlegraph.freqtrade_bridge.loopback.account.faults import Late, PlannedFault, PlannedRefusal, Unanswered
from candlegraph.freqtrade_bridge.loopback.markets import market_of

BTC, ETH = "BTC/USDT:USDT", "ETH/USDT:USDT"
DAY = "2025-11-20"
START = datetime(2025, 11, 20, 0, 0, 2, tzinfo=UTC)


def at(clock):
    """Return a time of the scene's day, two seconds after the named one: freqtrade looks a second after a close."""
    return datetime.fromisoformat(f"{DAY} {clock}").replace(tzinfo=UTC) + timedelta(seconds=2)


def dated(table):
    return {f"{DAY} {clock}": value for clock, value in table.items()}


def timetable(signals, changes=None, stops=None):
    return {"signals": dated(signals), "changes": dated(changes or {}), "stops": dated(stops or {})}


def scene(plans, prices, loop_seconds=60, dip=None, strategy="TimetableStrategy"):
    """Return a run with a timetable and a line of prices for each pair; `dip` is a candle's time and its low."""
    config = {"strategy": strategy, "strategy_path": str(backtests.TEST_STRATEGIES)}
    config |= {"timetable": plans, "max_open_trades": len(plans)}
    series = {pair: drawn(dated(line)) for pair, line in prices.items()}
    if dip is not None:
        series = {pair: dipped(line, f"{DAY} {dip[0]}", dip[1]) for pair, line in series.items()}
    markets = [market_of(pair, line) for pair, line in series.items()]
    return VirtualLive(config, markets, START, loop_seconds=loop_seconds)


def lost(endpoint, nth=1):
    """Return a fault: the exchange acts, and its answer is lost."""
    return PlannedFault(endpoint=endpoint, nth=nth, what=Unanswered(has_acted=True))


def unreceived(endpoint):
    """Return a fault: the request never reaches the exchange."""
    return PlannedFault(endpoint=endpoint, what=Unanswered(has_acted=False))


def refused(endpoint, code, times=1):
    return PlannedFault(endpoint=endpoint, times=times, what=PlannedRefusal(code=code))


def late(endpoint, seconds, times):
    return PlannedFault(endpoint=endpoint, times=times, what=Late(seconds=seconds))


def known_stops(run):
    """Return the numbers of the living stops that a trade of freqtrade knows as open."""
    known = {int(order.order_id) for trade in Trade.get_trades().all() for order in trade.open_sl_orders}
    return known & set(living_stops(run))


def living_stops(run):
    return [number for number, algo in run.books.algos.items() if algo.is_open]


def drift(run):
    """Return the exchange's wallet less what freqtrade's closed trades say it is, in cents."""
    booked = sum(trade.close_profit_abs for trade in Trade.get_trades().all() if not trade.is_open)
    return round(float(run.books.wallet - WALLET) - booked, 2)

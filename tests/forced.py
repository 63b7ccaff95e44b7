"""Forced trades of Freqtrade's own backtest, as paths, and what became of the same entries in another setting."""

import json
from dataclasses import dataclass
from decimal import Decimal
from pathlib import Path

import backtests
import pandas as pd
import talib
from freqtrade import exchange

from candlegraph.memory.counterfactual.path import Ending, Funding, PathCandles, Tier, TradePath, moment
from candlegraph.memory.counterfactual.table import Alternative, Outcome

TIERS = json.loads((Path(exchange.__file__).parent / "binance_leverage_tiers.json").read_text())
CANDLE, FEE, LOOKED_AT = 1800, 0.0005, 400
CLOSING = {"time": "exit", "stop_loss": "stop", "roi": "target", "liquidation": "liquidation"}
END = {"exit": "time", "time": "time", "horizon": "time", "stop": "stop_loss", "target": "roi"}


@dataclass(frozen=True)
class Setting:
    """What all entries of one run have in common; stop and target in ATR."""

    stop: float = 1.0
    target: float = 2.0
    hold: int = 16
    leverage: float = 3.0
    stake: float = 1000.0
    spacing: int = 93
    entry: int = 0


@dataclass(frozen=True)
class Market:
    """The candle files of some pairs, as the backtest reads them."""

    datadir: Path
    pairs: tuple[str, ...]
    timerange: str

    def bounds(self):
        return tuple(pd.Timestamp(day, tz="UTC") for day in self.timerange.split("-"))

    def read(self, pair):
        """Return candles, funding beside its mark price, the ATR known at each opening, and the tick of each month."""
        name = pair.replace("/", "_").replace(":", "_")
        kinds = ("30m-futures", "1h-mark", "1h-funding_rate")
        frame, mark, rate = (pd.read_feather(self.datadir / "futures" / f"{name}-{kind}.feather") for kind in kinds)
        first, last = self.bounds()
        frame = frame[(frame.date >= first - pd.Timedelta(seconds=CANDLE) * 100) & (frame.date <= last)]
        both = rate.merge(mark, on="date").query("@first <= date <= @last")
        atr = talib.ATR(*(frame[name].to_numpy() for name in ("high", "low", "close")), 14)
        prices = frame.set_index(frame.date.dt.strftime("%Y-%m"))[["open", "high", "low", "close"]].stack()
        digits = prices.map(lambda price: max(0, -Decimal(repr(price)).normalize().as_tuple().exponent))
        return (
            frame,
            both,
            dict(zip(seconds(frame.date) + CANDLE, atr, strict=True)),
            0.1 ** digits.groupby(level=0).max(),
        )


def run(market, userdir, setting, until=()):
    """Return Freqtrade's trades of one setting; `until`: pair, planned entry and exit, seconds."""
    forced = {name: getattr(setting, name) for name in ("stop", "target", "hold", "leverage", "spacing", "entry")}
    last_entry = int(market.bounds()[1].timestamp()) - LOOKED_AT * CANDLE // 2
    forced |= {"until": list(until), "last_entry": last_entry}
    result = backtests.run(
        market.datadir, userdir, market.pairs, market.timerange, "ForcedStrategy",
        stake_amount=setting.stake, dry_run_wallet=1_000_000_000, max_open_trades=-1, fee=FEE,
        forced=forced, position_stacking=True,
    )  # fmt: skip
    return result.trades


def paths(market, trades, setting):
    """Return Freqtrade's trades as paths that are known to the end of the data, keyed by pair and entry."""
    read = {pair: market.read(pair) for pair in market.pairs}
    return {
        (row.pair, int(row.open_date.timestamp())): path_of(row, read[row.pair], setting) for row in trades.itertuples()
    }


def path_of(row, read, setting):
    frame, funding, atr, ticks = read
    entered, sign = int(row.open_date.timestamp()), -1 if row.is_short else 1
    ended, kind = int(row.close_date.timestamp()), CLOSING[row.exit_reason]
    first = int(seconds(frame.date).searchsorted(entered))
    rows = frame.iloc[first : first + LOOKED_AT]
    paid = funding[(seconds(funding.date) >= entered) & (seconds(funding.date) < entered + LOOKED_AT * CANDLE)]
    return TradePath(
        side="short" if row.is_short else "long",
        entered_at=moment(entered),
        entry_price=float(rows.open.iloc[0]),
        stake=setting.stake,
        leverage=setting.leverage,
        stop=row.open_rate - sign * setting.stop * atr[entered],
        target=row.open_rate + sign * setting.target * atr[entered],
        atr=atr[entered],
        tick=ticks[row.open_date.strftime("%Y-%m")],
        fee=FEE,
        tiers=tiers(row.pair),
        funding=tuple(map(Funding, seconds(paid.date), paid.funding_rate, paid.open)),
        candle_minutes=CANDLE // 60,
        candles=PathCandles(time=seconds(rows.date), **{name: rows[name] for name in ("open", "high", "low", "close")}),
        ending=Ending(
            kind=kind, at=moment(ended), known_at=moment(ended + (kind != "exit") * CANDLE), price=row.close_rate,
            profit_pct=100 * row.profit_ratio, mfe_pct=0, mae_pct=0,
        ),
        is_changed=False,
    )  # fmt: skip


def differing(outcomes: dict[tuple[str, int], Outcome], trades: pd.DataFrame, late: int = 0) -> list[str]:
    """Return every trade whose exit time, price, reason or profit (1e-8) is not that of the outcome."""
    found = []
    for row in trades.itertuples():
        entered = int(row.open_date.timestamp()) - late * CANDLE
        one = outcomes.get((row.pair, entered))
        if one is None or one.end == "none":
            continue
        theirs = (int(row.close_date.timestamp()), row.close_rate, row.exit_reason)
        ours = (entered + one.index * CANDLE, one.price, END.get(one.end, one.end))
        if ours != theirs or abs(one.profit_pct / 100 - row.profit_ratio) > 1e-8:
            found.append(f"{row.pair} {row.open_date}: {ours} {one.profit_pct / 100}, {theirs} {row.profit_ratio}")
    return found


def unlike_the_trade(tables):
    """Return every trade whose first fill, closed where it ended, does not make what Freqtrade says it made."""
    made = [(key, table.actual_pct, table.course.profit_pct) for key, table in tables.items()]
    return [f"{key}: {ours} is not {theirs} %" for key, ours, theirs in made if abs(ours - theirs) > 1e-6]


def tiers(pair):
    rows = [
        (one["minNotional"], one["maxLeverage"], one["maintenanceMarginRate"], one["info"]["cum"])
        for one in TIERS[pair]
    ]
    return tuple(Tier(*map(float, row)) for row in rows)


def outcome_of(table, alternative: Alternative) -> Outcome | None:
    return next((one for one in table.outcomes if one.alternative == alternative), None)


def seconds(dates):
    return dates.dt.as_unit("s").astype("int64").to_numpy()

"""What was seen at freqtrade's live trading, each played without and with the auditor, and measured in both books.

`python tests/observations.py` prints the table of docs/live.md.
"""

import sys
from collections.abc import Callable
from dataclasses import dataclass, field
from pathlib import Path

sys.path.insert(0, str(Path(__file__).parent))

from freqtrade.persistence import Trade
from live_scenes import BTC, ETH, at, late, living_stops, lost, refused, scene, timetable
from virtual_live import WALLET

from candlegraph.freqtrade_bridge.commands.main import main
from candlegraph.freqtrade_bridge.loopback.account.placing import cancel_algo, close_by_hand

STRATEGIES = {False: "TimetableStrategy", True: "AuditedStrategy"}
RISING = {"00:00": 100_000.0, "00:30": 100_000.0, "06:00": 101_000.0, "16:00": 101_000.0}
FLAT = dict.fromkeys(RISING, 100_000.0)
ENTER, THERE_AND_BACK = {"00:30": "enter_long"}, {"00:30": "enter_long", "01:30": "exit_long"}


@dataclass(frozen=True)
class Observation:
    """A fault: `faults` happen from `begin` on, `person` acts at a time, and the books are read at `end`."""

    name: str
    end: str
    signals: dict[str, str] = field(default_factory=lambda: THERE_AND_BACK)
    changes: dict[str, float] = field(default_factory=dict)
    prices: dict[str, float] = field(default_factory=lambda: RISING)
    begin: str = "00:29"
    faults: tuple = ()
    person: dict[str, Callable] = field(default_factory=dict)
    loop_seconds: int = 60
    dip: tuple | None = None
    other: dict | None = None


def closes(run, has_auditor):
    close_by_hand(run.books, "BTCUSDT")


def closes_and_cancels(run, has_auditor):
    close_by_hand(run.books, "BTCUSDT")
    (stop,) = living_stops(run)
    cancel_algo(run.books, run.books.algos[stop])


def hurries(run, has_auditor):
    """Let the bot look every five seconds, as it does by default."""
    run._worker._throttle_secs = 5


def adopts(run, has_auditor):
    if has_auditor:
        assert main(["adopt", BTC, "--userdir", str(run.bot.config["user_data_dir"])]) == 0


ORPHAN = {"00:00": 100_000.0, "01:30": 100_500.0, "03:00": 99_500.0, "03:30": 99_400.0, "04:30": 98_200.0}
ORPHAN |= {"05:00": 98_200.0, "06:00": 99_000.0, "16:00": 99_000.0}
FALLING = {"00:00": 100_000.0, "08:30": 100_000.0, "09:30": 98_000.0, "16:00": 98_000.0}

OBSERVATIONS = (
    Observation("an entry's answer is lost", "01:35", faults=(lost("POST /fapi/v1/order"),), person={"01:00": adopts}),
    Observation("a stop's answer is lost", "01:35", faults=(lost("POST /fapi/v1/algoOrder"),)),
    Observation("an exit's answer is lost", "02:30", begin="01:29", faults=(lost("POST /fapi/v1/order"),)),
    Observation(
        "the stop's cancel is refused at the exit",
        "07:05",
        THERE_AND_BACK | {"03:00": "enter_long", "06:00": "exit_long"},
        prices=ORPHAN,
        begin="01:29",
        faults=(refused("DELETE /fapi/v1/algoOrder", -2011),),
        loop_seconds=300,
    ),
    Observation(
        "a stop fired and is not shown",
        "01:16",
        ENTER,
        prices=FLAT,
        begin="00:59",
        faults=(late("GET /fapi/v1/order", seconds=480, times=50),),
        loop_seconds=300,
        dip=("01:00", 98_342),
    ),
    Observation("closed by hand", "06:29", ENTER, person={"00:46": closes}, loop_seconds=300),
    Observation("closed by hand, stop too", "06:29", ENTER, person={"00:46": closes_and_cancels}, loop_seconds=300),
    Observation("an entry and two additions", "02:00", ENTER, changes={"01:10": 200.0, "01:40": 200.0}),
    Observation(
        "another pair's stop is not found",
        "01:04",
        ENTER,
        begin="00:58",
        faults=(refused("GET /fapi/v1/algoOrder", -2013, times=40),),
        person={"00:59": hurries},
        other={"01:00": "enter_long"},
    ),
    Observation("a stop fires after funding", "10:00", ENTER, prices=FALLING, loop_seconds=900),
)


@dataclass(frozen=True)
class Measured:
    """Both books afterwards; `bare` is how long a position had less stop than it needed, in seconds."""

    positions: dict[str, str]
    stops: list[str]
    trades: int
    bare: float
    true: float
    booked: float
    asked: int


def play(one: Observation, has_auditor: bool) -> Measured:
    """Play an observation, and read both books at its end."""
    plans = {BTC: timetable(one.signals, one.changes)}
    prices = {BTC: one.prices}
    if one.other is not None:
        plans[ETH] = timetable(one.other)
        prices[ETH] = {clock: price / 40 for clock, price in one.prices.items()}
    with scene(plans, prices, one.loop_seconds, one.dip, STRATEGIES[has_auditor]) as run:
        run.run_until(at(one.begin))
        run.exchange.plan(*one.faults)
        for clock, act in sorted(one.person.items()):
            run.run_until(at(clock))
            act(run, has_auditor)
        run.run_until(at(one.end))
        return measured(run)


def measured(run) -> Measured:
    books, closed = run.books, [trade for trade in Trade.get_trades().all() if not trade.is_open]
    summary = books.summary()
    listed = {"GET /fapi/v1/openAlgoOrders", "GET /fapi/v1/openOrders"}
    return Measured(
        summary["positions"],
        summary["stops"],
        len(Trade.get_open_trades()),
        sum(bare_seconds(books, symbol) for symbol in books.markets),
        round(float(books.wallet - WALLET), 2),
        round(sum(trade.close_profit_abs for trade in closed), 2),
        sum(row.endpoint in listed for row in run.exchange.log),
    )


def bare_seconds(books, symbol) -> float:
    """Return how long the position was larger than what its living stops close."""
    now = books.clock.now()
    algos = [one for one in books.algos.values() if one.symbol == symbol]
    fills = [one for one in books.fills if one.symbol == symbol]
    ends = {one.id: now if one.is_open else (one.triggered_at or one.updated_at) for one in algos}
    moments = sorted({now, *(one.at for one in fills), *(one.created_at for one in algos), *ends.values()})
    bare = 0
    for begin, end in zip(moments, moments[1:], strict=False):
        held = sum(one.quantity * (1 if one.side == "BUY" else -1) for one in fills if one.at <= begin)
        stops = [one.quantity for one in algos if one.created_at <= begin < ends[one.id] and one.sign * held < 0]
        bare += (end - begin) if abs(held) > sum(stops) else 0
    return bare / 1000


def row_of(name: str, found: Measured) -> str:
    held = ", ".join(found.positions.values()) or "no position"
    booked = f"{found.true:+.2f} / {found.booked:+.2f}"
    return f"{name} | {held}; stops: {len(found.stops)}; open trades: {found.trades} | {found.bare:.0f} | {booked}"


if __name__ == "__main__":
    for one in OBSERVATIONS:
        for has_auditor in (False, True):
            sys.stdout.write(f"| {row_of(f'{one.name} | {has_auditor}', play(one, has_auditor))} |\n")
            sys.stdout.flush()

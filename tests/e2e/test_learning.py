"""Learning is real: where a setup loses four times in five, memory takes it less often; and never from the future."""

from datetime import timedelta

import markets
import pytest
import trap
from rich.console import Console

from candlegraph.freqtrade_bridge.commands.memory.ablation import (
    Taken,
    ablation_table,
    differences,
    entries,
    mean_profit,
    parts_of,
    profit,
    win_rate,
)
from candlegraph.graph.schema.experience import ClosedTrade
from candlegraph.graph.settings.places import DATABASE
from candlegraph.memory.learning.report import experience_of
from candlegraph.memory.store import close_memory, open_memory

TIMERANGE = "20251102-20251107"
LEARNT_FROM = 10


@pytest.fixture(scope="module")
def trap_market(tmp_path_factory):
    series = {pair: trap.trap_series(number) for number, pair in enumerate(trap.PAIRS)}
    return markets.write(tmp_path_factory.mktemp("trap") / "data", series)


@pytest.fixture(scope="module")
def runs(trap_market, tmp_path_factory):
    """Return the backtests with memory on and off, over the same week."""
    found = []
    for name, use in (("on", True), ("off", False)):
        userdir = tmp_path_factory.mktemp(name)
        found.append(
            trap.run(
                trap_market, userdir, trap.PAIRS, TIMERANGE, use_experience=use, min_trades_for_learning=LEARNT_FROM
            )
        )
    return found


@pytest.fixture(scope="module")
def arms(runs):
    return [one.trades.sort_values(["close_date", "pair"], ignore_index=True) for one in runs]


def taken(trades):
    return [
        Taken(row.open_date, None if row.exit_reason == "force_exit" else 100 * row.profit_ratio)
        for row in trades.itertuples()
    ]


def test_the_setup_loses_four_times_in_five(arms):
    profits = [one.profit_pct for one in taken(arms[1]) if one.profit_pct is not None]
    assert len(profits) > 30
    assert 0.75 <= sum(profit < 0 for profit in profits) / len(profits) <= 0.85


def test_how_many_trades_stood_beside_one_is_noted_at_its_entry(runs):
    context = runs[1].strategy.session.context
    memory = open_memory(context.database)
    stored = [memory.get(one + 1) for one in range(memory.stats(context.namespace)["total_experiences"])]
    trades = [one.source for one in stored if one.kind == "trade"]
    length = timedelta(minutes=30)
    for one in trades:  # within a candle the order of the pairs decides
        others = [other for other in trades if other.trade_key != one.trade_key]
        earlier = [other for other in others if other.opened_at < one.opened_at]
        least = sum(other.closed_at > one.opened_at for other in earlier)
        most = sum(other.closed_at + length > one.opened_at for other in earlier)
        assert least <= one.beside <= most + sum(other.opened_at == one.opened_at for other in others)
    assert len({one.beside for one in trades}) > 1


def test_before_anything_is_learnt_memory_changes_nothing(arms):
    columns = ["pair", "open_date", "close_date", "profit_ratio", "stake_amount"]
    with_memory, without = (trades[columns].head(LEARNT_FROM) for trades in arms)
    assert with_memory.equals(without)


def test_after_ten_trades_memory_takes_the_losing_setup_measurably_less_often(arms):
    learnt_at = arms[0].close_date[LEARNT_FROM - 1]
    late = [[one for one in taken(trades) if one.opened_at > learnt_at] for trades in arms]
    difference = entries(*late, 0.95)
    assert difference.off >= 30
    assert difference.on <= difference.off / 4
    assert difference.interval.high < 0
    assert arms[0].profit_abs.sum() > arms[1].profit_abs.sum()


def test_the_table_shows_the_difference_by_thirds(arms):
    begin, end = (arms[1].open_date.iloc[0].floor("D"), arms[1].open_date.iloc[-1].ceil("D"))
    console = Console(record=True, width=120)
    parts = parts_of(*map(taken, arms), begin, end)
    console.print(ablation_table(parts))
    text = console.export_text()
    assert len(text.splitlines()) == 4 + 4 * 5 + 1
    assert "last third" in text and "95% interval" in text
    told = {(one["part"], one["measure"]): one for one in differences(parts)}
    assert told["all", "entries"]["on"] == len(arms[0]) and len(told) == 4 * 4
    late = entries(
        *([one for one in taken(trades) if one.opened_at >= end - (end - begin) / 3] for trades in arms), 0.95
    )
    assert late.on < late.off
    assert mean_profit([], taken(arms[1]), 0.95).interval is None


def of(*profits):
    return [Taken(trap.BEGIN, one) for one in profits]


def test_the_differences_of_the_table_by_hand():
    """Newcombe 1998, method 10, case (a): 56 of 70 against 48 of 80 gives 0.0524 to 0.3339."""
    on, off = of(*[1.0] * 56, *[-1.0] * 14), of(*[1.0] * 48, *[-1.0] * 32)
    assert win_rate(on, off, 0.95).interval == pytest.approx((0.0524, 0.3339), abs=1e-4)
    assert entries(of(*[1.0] * 9), of(*[1.0] * 16), 0.95).interval == pytest.approx((-7 - 9.80, -7 + 9.80), abs=1e-2)
    assert mean_profit(of(1.0, 3.0), of(0.0, 2.0), 0.95).interval == pytest.approx((1 - 17.969, 1 + 17.969), abs=1e-2)
    assert profit(of(3.0, None), of(-4.0), 0.95).interval == pytest.approx((7 - 9.80, 7 + 9.80), abs=1e-2)


PAIR, DAYS = trap.PAIRS[0], "20251102-20251104"


def planted(trade, number, known_at):
    """Return the trade as a winner that became known at another time."""
    return ClosedTrade(
        **trade.model_dump()
        | {
            "namespace": "planted",
            "trade_key": str(number),
            "profit_pct": 40,
            "profit_abs": 40,
            "mfe_pct": 40,
            "mae_pct": 0,
            "exit_price": trade.entry_price * 1.08,
            "opened_at": min(trade.opened_at, known_at - timedelta(hours=1)),
            "closed_at": known_at,
            "known_at": known_at,
        }
    )


@pytest.fixture(scope="module")
def lived(trap_market, tmp_path_factory):
    """Return the trades of a run that reads nothing but its own."""
    plain = trap.run(trap_market, tmp_path_factory.mktemp("plain"), (PAIR,), DAYS)
    context = plain.strategy.session.context
    memory = open_memory(context.database)
    stored = [memory.get(one + 1) for one in range(memory.stats(context.namespace)["total_experiences"])]
    trades = [one.source for one in stored if one.kind == "trade" and not one.forced]
    assert len(trades) >= 3
    return trades


@pytest.fixture(scope="module")
def poisoned(lived, trap_market, tmp_path_factory):
    """Return a factory of runs over winners, of exactly its entries' situations, known at a moment, with their ids."""
    made = []

    def make(known_at, *readable):
        userdir = tmp_path_factory.mktemp("poisoned")
        store = open_memory(userdir / DATABASE)
        ids = {
            store.add(experience_of(planted(trade, f"{number} {copy}", known_at)))
            for number, trade in enumerate(lived)
            for copy in range(5)
        }
        assert None not in ids
        rag = {"read_namespaces": readable}
        made.append(trap.run(trap_market, userdir, (PAIR,), DAYS, rag_config=rag, min_trades_for_learning=1))
        return made[-1], ids

    yield make
    for one in made:
        close_memory(one.strategy.session.context.database)


@pytest.fixture(scope="module")
def blind(poisoned, lived):
    """Return the decisions of the run that may not read what is planted."""
    return decisions(poisoned(after_the_end(lived))[0])


def after_the_end(trades):
    return trades[-1].known_at.replace(hour=0, minute=0) + timedelta(days=2)


def decisions(done):
    return [(row.pair, row.candle, row.prompt_hash, row.case_ids) for row in done.decisions()]


def test_a_future_winner_never_surfaces_in_a_backtest(poisoned, blind, lived):
    end = after_the_end(lived)
    reading, ids = poisoned(end, "planted")
    rows = decisions(reading)
    assert rows == blind  # to the letter of the prompt: cases, summary, guidance
    shown = {one for *_, case_ids in rows for one in case_ids}
    assert shown and not shown & ids
    later = reading.strategy.session.context.memory.recall(
        lived[0].situation,
        lived[0].space,
        as_of=end + timedelta(minutes=1),
        namespaces=["planted"],
        k=3,
        threshold=0.9,
    )
    assert {case.id for case in later} <= ids and later  # it was there, and alike: only its time kept it out


def test_the_same_winner_surfaces_from_the_candle_on_that_closes_after_it_was_known(poisoned, blind, lived):
    known_at = lived[1].opened_at
    reading, ids = poisoned(known_at, "planted")
    first = min(row.as_of for row in reading.decisions() if ids & set(row.case_ids))
    assert first == min(row.as_of for row in reading.decisions() if row.as_of > known_at)
    early = [(row.pair, row.candle, row.prompt_hash, row.case_ids) for row in reading.decisions() if row.as_of < first]
    assert early and early == blind[: len(early)] and decisions(reading) != blind

"""Freqtrade's own backtester and dry-run bot: what happens to a trade until it is learnt from."""

import json
from datetime import UTC, datetime, timedelta

import backtests
import pandas as pd
import pytest
import script
from freqtrade.persistence import Trade
from learnt import course_of, waiting
from virtual_dry_run import VirtualDryRun

from candlegraph.freqtrade_bridge.loopback.markets import market_of
from candlegraph.freqtrade_bridge.loopback.sample_market import sample_series
from candlegraph.graph.schema.errors import BridgeError
from candlegraph.memory.store import open_memory

PAIR = "ETH/USDT:USDT"
DAY = datetime(2025, 11, 3, tzinfo=UTC)
RULES = {"max_risk_per_trade_pct": 50, "emergency_stop_loss": -1, "max_daily_loss_pct": 100}
CONFIG = {"strategy": "ScriptStrategy", "strategy_path": str(backtests.TEST_STRATEGIES)}
LENGTH = timedelta(minutes=30)


def journey(facts):
    """Enter with the last candles, add in profit, take half later, leave after eight candles."""
    held = facts.position
    if held is None:
        side = "long" if (next(iter(facts.timeframes.values())).momentum or 0) > 0 else "short"
        return script.enter(facts, side, leverage=5.0, stake=500.0, stop_atr=1.0)
    if held.age_candles >= 8:
        return script.leave(facts)
    if held.adds == 0 and held.reductions == 0 and held.r_multiple > 0.3:
        return script.adjust(facts, 40.0)
    if held.reductions == 0 and held.r_multiple > 0.8:
        return script.adjust(facts, -50.0)
    return script.stay(facts, reason=f"hold {held.holds}")


def backtest(sample, userdir, hours, **config):
    end = DAY + timedelta(hours=hours)
    timerange = f"{DAY.timestamp():.0f}-{end.timestamp():.0f}"
    return backtests.run(sample.datadir, userdir, [PAIR], timerange, "ScriptStrategy", risk_management=RULES, **config)


def stored(result, kind):
    """Return experience and track of all of a kind, oldest first."""
    context = result.strategy.session.context
    count = context.memory.stats(context.namespace)["total_experiences"]
    found = [(context.memory.get(n + 1), course_of(context.memory, n + 1)) for n in range(count)]
    return [(one, track) for one, track in found if one.kind == kind]


def learnt(result):
    """Return experience and track of every closed trade, oldest first."""
    return stored(result, "trade")


@pytest.fixture(scope="module")
def long_run(sample, tmp_path_factory):
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(script, "decide", journey)
        return backtest(sample, tmp_path_factory.mktemp("long"), 48)


def test_every_trade_of_a_backtest_is_learnt_from_once_in_the_order_of_time(long_run):
    found = learnt(long_run)
    assert len(found) == len(long_run.trades) >= 6
    times = [one.source.known_at for one, _ in found]
    assert times == sorted(times)
    assert {one.source.exit_reason for one, _ in found} >= {"graph_exit", "stop_loss", "force_exit"}
    context = long_run.strategy.session.context
    assert waiting(context.memory, context.namespace) == []


def test_the_events_and_profits_are_freqtrades_own(long_run):
    realised = 0
    for (one, track), row in zip(learnt(long_run), long_run.trades.sort_values("close_date").itertuples(), strict=True):
        assert one.source.profit_abs == pytest.approx(row.profit_abs, abs=1e-6)
        assert [change.kind for change in track.changes] == [
            "add" if event.startswith("graph_add") else "reduction" for event in one.source.events
        ]
        realised += sum("realised" in event for event in one.source.events)
    assert realised >= 1


def test_the_scene_of_the_entry_and_the_models_own_view_are_kept(long_run):
    for one, track in learnt(long_run):
        trade = one.source
        assert trade.scene.alignment == track.entry.alignment
        assert len(trade.additions) == sum(change.kind == "add" for change in track.changes)
        if trade.exit_reason == "graph_exit":
            assert (trade.model_score, trade.self_evaluation) == (50, "scripted")
        if trade.exit_reason == "stop_loss" and trade.model_score is None:
            assert trade.self_evaluation == ""
    context = long_run.strategy.session.context
    scored = [one for one, _ in learnt(long_run) if one.source.model_score is not None and not one.forced]
    assert context.memory.stats(context.namespace)["self_scores"]["trades"] == len(scored) >= 2


def test_a_partial_exit_is_a_lesson_from_its_fill_on_with_what_it_realised(long_run):
    trades = {one.key: track for one, track in learnt(long_run)}
    lessons = [one for one, _ in stored(long_run, "lesson")]
    assert len(lessons) == sum(change.kind == "reduction" for track in trades.values() for change in track.changes) >= 1
    for one in lessons:
        track = trades[one.key.rpartition("|")[0]]
        (change,) = [change for change in track.changes if change.kind == "reduction"]
        assert (one.source.known_at, one.source.exit_price) == (change.at, change.price)
        margin = change.stake * one.source.entry_price / change.price  # at the entry price
        assert one.profit_pct == pytest.approx(100 * change.profit / margin, rel=1e-2)
        assert one.source.share == pytest.approx(0.5, rel=1e-2)
        assert one.source.situation == track.entry.situation
        assert (one.scores, one.reward) == (None, None) and "50%" in one.lesson


def test_every_trade_is_replayed_over_its_own_candles_fees_and_funding_to_its_own_profit(long_run):
    context, replayed, complete = long_run.strategy.session.context, 0, 0
    for number in range(context.memory.stats(context.namespace)["total_experiences"]):
        one, track = context.memory.get(number + 1), course_of(context.memory, number + 1)
        table = context.memory.table(number + 1)
        assert (table is None) == (one.kind != "trade" or one.forced)
        if table is None:
            continue
        assert table.course.is_first_fill == track.is_changed
        assert table.course.net_r == pytest.approx(one.source.profit_pct / one.source.risk_pct)
        if not track.is_changed:
            assert table.actual_pct == pytest.approx(one.profit_pct, abs=1e-6)
            replayed += 1
        complete += table.is_complete
        assert one.lesson.startswith(f"{one.source.side.capitalize()}, ")
    assert replayed >= 3 and 1 <= complete < len(long_run.trades)


def test_best_and_worst_come_from_the_candles_before_the_exit_candle(long_run, sample):
    frame = pd.read_feather(sample.datadir / "futures" / "ETH_USDT_USDT-30m-futures.feather")
    for one, track in learnt(long_run):
        held = (
            frame[(frame["date"] >= track.opened_at) & (frame["date"] <= track.candle)] if track.candle else frame[:0]
        )
        assert len(held) == track.candles
        high, low = held["high"].max(), held["low"].min()
        best, worst = (high, low) if track.side == "long" else (low, high)
        assert not len(held) or (track.best, track.worst) == pytest.approx((best, worst), rel=2e-3)
        assert track.candle is None or track.candle + LENGTH <= one.source.known_at


def test_the_market_at_entry_and_exit_is_kept_and_compared(long_run):
    for one, track in learnt(long_run):
        assert track.entry.situation == one.source.situation
        assert track.exit is not None and track.comparison.lines[0].startswith("price ")
    assert any(track.comparison.significant for _, track in learnt(long_run))


def test_the_people_see_how_the_trade_went(long_run):
    lines = (long_run.userdir / "logs" / "trade_experience.jsonl").read_text().splitlines()
    found = [json.loads(line) for line in lines]
    assert len(found) == len(long_run.trades)
    assert {"entry", "exit", "changes", "reasons", "comparison"} <= set(found[0]["course"])


def test_a_later_future_changes_nothing_that_was_learnt(long_run, sample, tmp_path, monkeypatch):
    monkeypatch.setattr(script, "decide", journey)
    short_run = backtest(sample, tmp_path, 20)

    def past(result):
        kept = [(one, track) for one, track in learnt(result) if not one.source.forced]
        kept = [(one, track) for one, track in kept if one.source.known_at < DAY + timedelta(hours=19)]
        unnamed = {"namespace", "decision_id"}
        return [
            (one.lesson, one.source.model_dump(exclude=unnamed), track.model_dump(exclude=unnamed))
            for one, track in kept
        ]

    assert len(past(short_run)) >= 2
    assert past(short_run) == past(long_run)


def test_a_model_that_fails_on_a_closed_trade_stops_a_backtest(sample, tmp_path, monkeypatch):
    monkeypatch.setattr(script, "decide", journey)  # the script answers facts, and a closed trade has none
    named = {"roles": {"reviewer": {"model": "m", "api_base": "http://127.0.0.1:9/v1", "api_key": "k"}}}
    with pytest.raises(BridgeError, match=r"ETH/USDT:USDT\|.*: the reflection failed: ModelError"):
        backtest(sample, tmp_path, 20, experience_config={"reflection": {"mode": "llm"}}, llm_config=named)


# -- the dry-run bot ----------------------------------------------------------------------------------------------

OPENS = DAY + timedelta(minutes=30, seconds=2)


def patient(leaves_at):
    """Return a script that enters once, far from its stop, and leaves at a time of day that it is told by age."""

    def decide(facts):
        held = facts.position
        if held is None:
            return script.enter(facts, "long", leverage=2.0, stake=300.0, stop_atr=10.0)
        return script.leave(facts) if held.age_candles >= leaves_at else script.stay(facts, f"age {held.age_candles}")

    return decide


def test_a_restart_goes_on_with_the_trade_and_counts_the_candles_it_missed(tmp_path, monkeypatch):
    monkeypatch.setattr(script, "decide", patient(12))
    market = market_of(PAIR, sample_series(PAIR))
    config = CONFIG | {"risk_management": RULES}
    kept = {"db_url": f"sqlite:///{tmp_path / 'trades.sqlite'}", "userdir": tmp_path / "user"}
    with VirtualDryRun(config, [market], OPENS, **kept) as run:
        run.run_until(OPENS + 4 * LENGTH + timedelta(seconds=30))
        (trade,) = Trade.get_open_trades()
        before = run.bot.strategy.session._watch.of(trade)
        database = run.bot.strategy.session.context.database
    assert (before.candles, before.all_holds) == (4, 4)
    with VirtualDryRun(config, [market], OPENS + 9 * LENGTH, **kept) as run:
        run.step()
        run.step()
        (trade,) = Trade.get_open_trades()
        after = run.bot.strategy.session._watch.of(trade)
        snapshot, _ = run.bot.strategy.session.known.of(PAIR)
        run.run_until(OPENS + 14 * LENGTH)
        run.bot.strategy.session.learner.wait(20)
        run.step()
        run.bot.strategy.session.learner.wait(20)
    assert (after.candles, after.entry) == (before.candles + 6, before.entry)  # four of them closed while it was away
    assert after.all_holds > before.all_holds and after.reasons[:4] == before.reasons
    assert snapshot.position.past_reasons[:4] == before.reasons
    assert snapshot.position.since_entry[0].startswith("price ")
    series = sample_series(PAIR)
    held = (series.time >= DAY.timestamp() * 1000 + 1_800_000) & (series.time <= after.candle.timestamp() * 1000)
    assert after.best == pytest.approx(max(series.high[held].max(), after.entry_price))
    memory = open_memory(database)
    assert memory.stats("dry_run")["by_kind"]["trade"] >= 1
    assert memory.get(1).source.exit_reason == "graph_exit"
    assert course_of(memory, 1).reasons[:4] == before.reasons
    assert waiting(memory, "dry_run") == []

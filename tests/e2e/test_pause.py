"""`candlegraph pause` and `resume` on a running bot: nothing opens, exits go on, a restart changes nothing."""

from datetime import UTC, datetime, timedelta

import backtests
import pytest
import script
from freqtrade.persistence import Trade
from virtual_dry_run import VirtualDryRun

from candlegraph.freqtrade_bridge.commands.main import main
from candlegraph.freqtrade_bridge.host.pause_file import PauseFile
from candlegraph.freqtrade_bridge.loopback.markets import market_of
from candlegraph.freqtrade_bridge.loopback.sample_market import sample_series
from candlegraph.memory.books.ledger import Ledger

START = datetime(2025, 10, 15, 0, 0, 2, tzinfo=UTC)
HOUR = timedelta(hours=1)


@pytest.fixture
def run_from(sample, tmp_path):
    """Return a function that starts the bot of one folder at a time; positions survive from one start to the next."""
    config = {
        "strategy": "ScriptStrategy",
        "strategy_path": str(backtests.TEST_STRATEGIES),
        "risk_management": {"min_confidence": 40},
    }
    market = market_of(sample.pairs[0], sample_series(sample.pairs[0]))
    database = f"sqlite:///{tmp_path / 'trades.sqlite'}"
    return lambda start: VirtualDryRun(config, [market], start, db_url=database, userdir=tmp_path)


def rows_of(run, since):
    context = run.bot.strategy.session.context
    return [row for row in Ledger(context.database).rows(context.namespace) if row.as_of > since]


def ids():
    return {(trade.pair, trade.open_date_utc) for trade in Trade.get_trades()}


def test_paused_by_hand_nothing_opens_exits_go_on_and_a_restart_changes_nothing(
    run_from, monkeypatch, tmp_path, capsys
):
    monkeypatch.setattr(script, "decide", lambda facts: script.enter(facts) if facts.position is None else leave(facts))
    leave = script.stay
    with run_from(START) as run:
        run.run_until(START + HOUR / 2)
        opened = ids()
        assert len(opened) == 1
        assert main(["pause", "--userdir", str(tmp_path), "--reason", "CPI at 12:30"]) == 0
        paused_at = run.now()
        leave = script.leave
        run.run_until(paused_at + HOUR)
        assert ids() == opened and not Trade.get_open_trades()
        flat = [row for row in rows_of(run, paused_at) if row.state == "flat"]
        assert flat and {(row.signal.source, row.calls) for row in flat} == {("paused", 0)}
        assert "candlegraph resume: paused by hand: CPI at 12:30" in flat[0].signal.reason
        again = run.now()
    with run_from(again) as run:
        run.run_until(again + HOUR / 2)
        assert ids() == opened
        assert main(["resume", "--userdir", str(tmp_path)]) == 0
        leave = script.stay
        run.run_until(run.now() + HOUR / 2)
        assert len(ids() - opened) == 1
    said = capsys.readouterr().out
    assert (
        "entries are paused since 2025-10-15 01:00 UTC: CPI at 12:30." in said
        and "entries go on, after 1 h 30 min" in said
    )


def test_an_entry_that_was_decided_before_the_pause_is_refused_at_the_order(run_from, monkeypatch, tmp_path):
    def decide(facts):
        PauseFile(tmp_path).begin("")
        return script.enter(facts)

    monkeypatch.setattr(script, "decide", decide)
    with run_from(START) as run:
        run.run_until(START + HOUR / 2)
        assert not ids()
        fates = [row.fate for row in rows_of(run, START - HOUR) if row.fate is not None]
    refusals = {(fate.refusal.door, fate.refusal.key, fate.refusal.why) for fate in fates}
    assert refusals == {("paused", "candlegraph resume", "paused by hand")}

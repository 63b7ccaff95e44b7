"""The dry-run bot with a person behind it: an entry trades after a yes in time and near its price, else never."""

import contextlib
import uuid
from datetime import UTC, datetime, timedelta

import backtests
import pytest
from collectors import collecting, shown_to
from freqtrade.exceptions import StrategyError
from freqtrade.persistence import Trade
from virtual_dry_run import VirtualDryRun

from candlegraph.freqtrade_bridge.commands.main import main
from candlegraph.freqtrade_bridge.loopback.markets import market_of
from candlegraph.freqtrade_bridge.loopback.sample_market import sample_series
from candlegraph.memory.books.approvals import Proposals
from candlegraph.memory.books.ledger import Ledger

CONFIG = {"strategy": "RuleStrategy", "strategy_path": str(backtests.TEST_STRATEGIES)}
START = datetime(2025, 11, 15, 0, 30, 2, tzinfo=UTC)
LOOP_SECONDS = 240
MOST_LOOPS = 600


@contextlib.contextmanager
def asked(sample, **approval):
    """Yield a bot that has just asked its first question, and the question."""
    pair = sample.pairs[0]
    config = CONFIG | {"risk_management": {"approval": {"required": True, "max_drift_pct": 5} | approval}}
    with VirtualDryRun(config, [market_of(pair, sample_series(pair))], START, loop_seconds=LOOP_SECONDS) as run:
        while not (waiting := proposals(run).pending("dry_run")):
            assert run.loops < MOST_LOOPS
            run.step()
        yield run, waiting[0].request


def context_of(run):
    return run.bot.strategy.session.context


def proposals(run):
    return Proposals(context_of(run).database)


def status_of(run, request):
    return proposals(run).by_id([request.id])[request.id].status


def typed(run, *words):
    return main([*words, "--userdir", context_of(run).user_data_dir])


def signal_of(run, request):
    rows = Ledger(context_of(run).database).rows("dry_run")
    (row,) = [row for row in rows if row.candle == request.candle]
    return row.signal


def rest_of_the_candle(run, request):
    run.run_until(request.as_of + timedelta(minutes=29))


def trades():
    return Trade.get_trades().all()


def test_an_approved_entry_trades_once_and_its_answer_is_part_of_its_trace(sample, caplog, monkeypatch):
    with collecting() as found, shown_to(monkeypatch, found.url), asked(sample) as (run, request):
        assert f"candlegraph approve {request.id[:10]}" in caplog.text
        assert trades() == []
        assert signal_of(run, request).reason == f"awaiting approval {request.id}"
        assert typed(run, "approve", request.id[:8]) == 0
        rest_of_the_candle(run, request)
        (trade,) = trades()
        assert (trade.pair, trade.trade_direction, trade.leverage) == (request.pair, request.side, request.leverage)
        assert trade.stake_amount <= request.stake * 1.001
        assert trade.open_date_utc <= request.expires_at
        assert status_of(run, request) == "used"
        assert signal_of(run, request).action == request.action
        assert typed(run, "approve", request.id) == 1
        run.bot.strategy.session.records._shown.close()
    key = next(run["id"] for (run, *_) in found.runs() if run["outputs"]["signal"]["reason"].startswith("awaiting"))
    own = [(span.name, told) for span, told in found.spans() if span.trace_id == uuid.UUID(key).bytes]
    assert [name for name, _ in own][-2:] == ["approval", "fate"] and not any("error.type" in told for _, told in own)
    assert own[-2][1]["candlegraph.action"] == request.action and own[-1][1]["candlegraph.fate"].startswith("filled")
    patched = [run["outputs"]["signal"]["action"] for (run,) in found.runs("patch") if "outputs" in run]
    assert patched == [request.action]


@pytest.mark.parametrize(
    "words, approval, wait, status, key",
    [
        (["reject"], {}, 0, "rejected", "approval.required"),
        (None, {}, 0, "expired", "approval.expires_seconds"),
        (["approve"], {"max_drift_pct": 1e-9}, 1, "used", "approval.max_drift_pct"),
    ],
    ids=["rejected", "unanswered", "drifted"],
)
def test_without_a_yes_in_time_and_near_the_price_nothing_trades(words, approval, wait, status, key, sample):
    with asked(sample, **approval) as (run, request):
        for _ in range(wait):
            run.step()
        if words:
            assert typed(run, *words, request.id) == 0
        rest_of_the_candle(run, request)
        assert trades() == []
        assert status_of(run, request) == status
        signal = signal_of(run, request)
        assert (signal.action, signal.source) == ("wait", "veto")
        assert key in signal.reason


def test_a_yes_that_the_bot_sees_too_late_trades_nothing(sample):
    with asked(sample, expires_seconds=60) as (run, request):  # its next loop comes after 240 s
        assert typed(run, "approve", request.id) == 1
        assert proposals(run).move(request.id, "approved", request.expires_at)
        rest_of_the_candle(run, request)
        assert trades() == []
        assert status_of(run, request) == "expired"


def test_a_restart_voids_an_approval_and_asks_anew(sample):
    with asked(sample) as (run, request):
        assert typed(run, "approve", request.id) == 0
        run._worker._reconfigure()  # what freqtrade does for /reload_config
        run.step()
        assert trades() == []
        assert status_of(run, request) == "pending"
        assert typed(run, "approve", request.id) == 0
        rest_of_the_candle(run, request)
        assert len(trades()) == 1


def test_a_backtest_that_would_wait_for_a_person_does_not_start(sample, tmp_path):
    rules = {"approval": {"required": True}}
    with pytest.raises(StrategyError, match=r"approval\.required"):
        backtests.run(
            sample.datadir, tmp_path, sample.pairs[:1], "20251115-20251116", "RuleStrategy", risk_management=rules
        )

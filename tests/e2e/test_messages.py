"""What a person is told on the phone, each kind once, by webhook and by Telegram, within its stated time."""

import time
from datetime import UTC, datetime, timedelta
from pathlib import Path

import backtests
import pytest
import script
from api import asked
from chats import chats
from drifting import decided
from freqtrade.persistence import Trade
from virtual_dry_run import VirtualDryRun

from candlegraph.freqtrade_bridge.host.chat import readable
from candlegraph.freqtrade_bridge.host.pause_file import PauseFile
from candlegraph.freqtrade_bridge.loopback.markets import market_of
from candlegraph.freqtrade_bridge.loopback.sample_market import sample_series
from candlegraph.freqtrade_bridge.monitoring.heartbeat import heartbeat_of
from candlegraph.graph.schema.calls import CallRecord
from candlegraph.memory.books.account import AccountBook
from candlegraph.memory.books.ledger import Ledger

START = datetime(2025, 11, 15, 0, 30, 2, tzinfo=UTC)
MONDAY = datetime(2025, 11, 17, tzinfo=UTC)
CONFIG = {
    "strategy": "ScriptStrategy",
    "strategy_path": str(backtests.TEST_STRATEGIES),
    "llm_config": {
        "retry_times": 0,
        "pause_entries_after": 2,
        "breaker": {"failures": 1, "cooldown_seconds": 0.01},
        "budget": {"run_cost": 5},
        "prices": {"policy": {"input": 1, "output": 1}},
    },
}


SECRET = "planted-0123456789abcdef"
"""In what a model's endpoint answers: a log may say it, a message goes to others."""


def stays(facts):
    return script.stay(facts)


def enters(facts):
    return script.stay(facts) if facts.position else script.enter(facts, stop_atr=3.0, reason="a *dip*_in [a] trend")


def leaves(facts):
    return script.leave(facts) if facts.position else script.stay(facts)


def fails(facts):
    raise ConnectionError(SECRET)


class Told:
    """The run and its messages."""

    def __init__(self, run, found, patch):
        self.run, self.found, self.patch, self._read = run, found, patch, 0

    @property
    def session(self):
        return self.run.bot.strategy.session

    def candles(self, count, decide):
        """Let so many candles be decided, and return what was told meanwhile."""
        self.patch.setattr(script, "decide", decide)
        for _ in range(count):
            self.run.step()
            self.session.learner.wait(20)
        return self.new()

    def new(self):
        said = [text.removeprefix("candlegraph: ") for text in self.found.webhook[self._read :]]
        self._read = len(self.found.webhook)
        return said


@pytest.fixture
def told(sample, tmp_path, monkeypatch):
    pair = sample.pairs[0]
    with chats(monkeypatch) as found:
        market = market_of(pair, sample_series(pair))
        with VirtualDryRun(CONFIG | found.config, [market], START, userdir=tmp_path) as run:
            yield Told(run, found, monkeypatch)


def test_each_kind_of_message_comes_once_and_in_its_stated_time(told, caplog):
    entry = told.candles(2, enters)
    assert len(entry) == 1
    (trade,) = Trade.get_trades().all()
    first, second = entry[0].splitlines()
    assert first.startswith(f"BTC long 20x at {trade.open_rate:.6g}, stake ") and "stop " in first
    assert second == "confidence 60: a  dip  in (a) trend"
    left = told.candles(3, leaves)
    assert [line.partition(":")[0] for line in left] == ["BTC long closed by the model"]
    assert left[0].splitlines()[1].startswith("score ")
    (closed,) = asked(told.run, "/trades")["trades"]
    assert (closed["enter_tag"], closed["exit_reason"]) == ("graph_long", "graph_exit")
    (beside,) = asked(told.run, f"/trades/{closed['trade_id']}/custom-data")
    assert left[0].splitlines()[1].startswith(f"score {notes_of(beside)['score']}")

    dead = told.candles(1, fails)
    assert dead == ["policy: left alone after failures in a row, one call tries now and then"]
    paused = told.candles(1, fails)
    assert len(paused) == 1 and paused[0].startswith("the models failed on 2 candles in a row: entries pause")
    assert told.candles(2, fails) == []  # a model that stays dead floods nobody
    again = told.candles(1, stays)
    assert sorted(again) == ["the models answer again: entries go on with the next candle",
                             "well again: the models answer"]  # fmt: skip

    folder = Path(told.session.context.user_data_dir)
    PauseFile(folder).begin("news")
    assert told.candles(1, stays) == ["paused by hand: news; `candlegraph resume` ends it"]
    PauseFile(folder).end()
    assert told.candles(1, stays) == ["entries go on after `candlegraph resume`"]

    ledger = Ledger(told.session.context.database)
    ours = {name: getattr(ledger.rows("dry_run")[-1], name) for name in ("namespace", "model", "prompt_version")}
    ledger.append(decided(MONDAY, turns={"latency": 9000.0}, pair="ETH/USDT:USDT", **ours))
    told.run._traveller.move_to(MONDAY + timedelta(seconds=2))
    stood = told.candles(1, stays)
    told.session.monitor.drift.wait(60)
    assert len(stood) == 1 and stood[0].startswith("the bot stood still for ") and "UTC" in stood[0]
    drift = told.candles(1, stays)
    assert len(drift) == 1 and drift[0].startswith("policy decides otherwise than in the weeks before: latency 2 s -> ")
    assert heartbeat_of(folder, None).drift.measures == ("latency",)

    candle = told.session._feed.last_candle("BTC/USDT:USDT", told.run.now())
    with told.patch.context() as patch:
        patch.setattr(told.session._feed, "last_candle", lambda pair, now: candle)
        late = told.candles(3, stays)
    assert len(late) == 1 and late[0].startswith("no new candle is decided: last decided candle closed")
    assert told.candles(1, stays)[0].startswith("well again: last decided candle closed")

    told.session._spending.add(told.run.now(), (CallRecord(role="decision", model="m", cost=6.0),))
    spent = told.candles(1, stays)
    assert spent == ["`llm_config.budget.run_cost`: 6 of 5 spent: no model is asked, open trades keep their stops"]

    book = AccountBook(told.session.context.database)
    book.keep("dry_run", book.mark("dry_run").model_copy(update={"peak": 100_000}))
    halted = told.candles(1, stays)
    assert len(halted) == 1 and halted[0].startswith("emergency stop at ")

    begun = [record.getMessage() for record in caplog.get_records("setup") if " starts: " in record.getMessage()]
    assert len(begun) == 1
    assert begun[0].startswith(
        "dry_run starts: 1 pairs every 30m; decides policy at depth fast; memory of 0 experiences"
    )
    wait_for(lambda: set(told.found.webhook) <= set(told.found.telegram))
    assert set(told.found.webhook) <= set(told.found.telegram)
    assert max(text.count("\n") for text in told.found.webhook) <= 1
    assert not [text for text in [*told.found.webhook, *told.found.telegram] if SECRET in text]


def notes_of(beside):
    return {one["key"]: one["value"] for one in beside["custom_data"]}


def wait_for(arrived, seconds=10):
    until = time.monotonic() + seconds
    while not arrived() and time.monotonic() < until:
        time.sleep(0.05)


@pytest.mark.parametrize(
    "text, read",
    [
        ("llm_config.budget: 5 of 5", "`llm_config.budget`: 5 of 5"),
        ("closed by graph_exit [now] *", "closed by `graph_exit` (now]  "),
        ("see `candlegraph account reset`", "see `candlegraph account reset`"),
        ("one ` alone_here", "one   `alone_here`"),
    ],
)
def test_a_message_reads_the_same_with_markdown_and_without(text, read):
    assert readable(text) == read

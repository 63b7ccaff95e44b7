"""Tables beside their experiences: stored twice, and nothing of the later part is seen before it is known."""

from datetime import timedelta

import pytest
from learnt import course_of
from replayed import replayed, settle, track_of

from candlegraph.agents.prompt.closed_trade import trade_text
from candlegraph.freqtrade_bridge.feeds.paths import TradePaths
from candlegraph.graph.schema.facts import AccountFacts, Facts, TimeframeFacts
from candlegraph.graph.settings.experience import Cleanup, Reward
from candlegraph.memory.counterfactual.lessons import lesson_of
from candlegraph.memory.counterfactual.outcomes import table_of
from candlegraph.memory.counterfactual.trades import complete_at, first_known_at
from candlegraph.memory.learning.patterns import guidance_of
from candlegraph.memory.learning.scores import evaluate
from candlegraph.memory.store import close_memory, open_memory
from candlegraph.memory.transfer.files import export, parse_export, read_lines, store

BOTH_DATABASES = True
HALF_HOUR, TICK = timedelta(minutes=30), timedelta(microseconds=1)
FACTS = Facts(
    pair="X", price=100.0, regime="trend_up", trend_strength="strong", alignment=2, support=None, resistance=None,
    timeframes={"30m": TimeframeFacts(**dict.fromkeys(TimeframeFacts.model_fields) | {"close": 100.0, "rsi": 45.0})},
    account=AccountFacts(**dict.fromkeys(AccountFacts.model_fields, 0) | {"halted": "none"}),
)  # fmt: skip


def completed(memory, path, now):
    """Complete what is due, as the learner does."""
    for one in memory.pending("backtest:a", now):
        memory.complete(one, table_of(path, min(now, complete_at(one.trade))), "en")


def lesson_at(memory, as_of):
    (case,) = memory.recall((1, 0, 0.5), "test-1", as_of=as_of, namespaces=("backtest:a",), k=5, threshold=0)
    return case.lesson


def test_the_later_lesson_takes_the_place_of_the_first_from_its_own_time_on(memory, make_trade):
    trade = make_trade(situation=(1.0, 0.0, 0.5))
    path, end = replayed(trade, rise=0.2), complete_at(trade)
    row = settle(memory, trade, path)
    first, last = (lesson_of(table_of(path, time), "en") for time in (first_known_at(trade), end))
    assert memory.get(row).lesson == first != last
    assert memory.pending("backtest:a", end - TICK) == () and memory.next_due("backtest:a") == end
    completed(memory, path, end)
    assert memory.table(row) == table_of(path, end)
    assert memory.pending("backtest:a", end + timedelta(days=9)) == () and memory.next_due("backtest:a") is None
    told = [lesson_at(memory, end + late) for late in (-HALF_HOUR, timedelta(0), TICK)]
    assert told == [first, first, last]


def test_a_trade_that_was_closed_within_a_candle_has_its_table_when_that_has_closed(memory, make_trade):
    closed_at = make_trade().opened_at + timedelta(minutes=70)
    trade = make_trade(exit_reason="stop_loss", closed_at=closed_at, known_at=closed_at)
    path, due = replayed(trade), first_known_at(trade)
    assert due == closed_at + timedelta(minutes=20)
    row = settle(memory, trade, None)
    assert (memory.table(row), memory.next_due("backtest:a")) == (None, due)
    completed(memory, path, due)
    assert memory.table(row) == table_of(path, due)
    assert memory.next_due("backtest:a") == complete_at(trade)


def test_what_was_changed_while_it_was_open_says_so(memory, make_trade):
    trade = make_trade()
    row = settle(memory, trade, replayed(trade, stop_moved=True), stop_moved=True)
    assert "what follows replays its first fill alone" in memory.get(row).lesson


def test_a_trade_that_was_not_followed_from_its_first_fill_has_no_table(memory, make_experience, make_trade):
    assert memory.settle(make_experience(), None, is_queued=False) == 1
    assert (memory.table(1), memory.next_due("backtest:a")) == (None, None)
    forced = make_trade(1, forced=True)
    assert memory.table(settle(memory, forced, replayed(forced))) is None


@pytest.fixture
def advising(memory, make_trade):
    """Return the moments around which leaving later begins to be advised: the trades all leave before a rise."""
    known = []
    for number in range(30):
        trade = make_trade(2 * number, entry_rsi=45, situation=(1.0, 0.0, 0.5))
        path = replayed(trade, rise=1.0)
        settle(memory, trade, path)
        completed(memory, path, complete_at(trade))
        known.append(complete_at(trade))
    return known


def advised(memory, as_of):
    reader = memory.outlines(["backtest:a"])
    memory.follow()
    return reader.asked(as_of, lambda known: guidance_of(known, FACTS, rules=Reward(), needed=1)).advice


def test_advice_comes_from_complete_tables_known_by_then_and_names_rule_and_gain(memory, advising):
    (one,) = advised(memory, advising[-1] + TICK)
    assert (one.side, one.regime, one.kind, one.value, one.trades) == ("long", "trend_up", "later", 6.0, 30)
    assert one.gain_atr == pytest.approx(5 * 30 / 38)  # the sixth candle opens five ATR higher
    assert advised(memory, advising[0] + TICK) == ()
    first = next(time for time in advising if advised(memory, time + TICK))
    assert advised(memory, first) == ()
    assert advised(memory, advising[-1] + TICK) == (one,)  # whatever was asked before


def test_advice_outlives_a_cleanup_and_not_a_purge(memory, advising):
    now = advising[-1] + TICK
    before = advised(memory, now)
    memory.cleanup("backtest:a", "compress", as_of=now, settings=Cleanup(keep_newest=1, max_share=1))
    assert advised(memory, now) == before != ()
    memory.purge("backtest:a", "retired", at=now)
    assert advised(memory, now) == ()
    assert memory.table(1) is None


def test_an_export_brings_tables_courses_lessons_and_advice_back(memory, advising, tmp_path):
    before, as_of = advised(memory, advising[-1] + TICK), advising[-1] + TICK
    file = tmp_path / "out.jsonl"
    count = export(memory.engine, "backtest:a", file)
    found = read_lines(file, parse_export)
    assert found.bad == () and len(found.experiences) == count
    other = open_memory(tmp_path / "other" / "memory.db")
    assert store(other.engine, found.experiences) == (count, 0)
    assert store(memory.engine, found.experiences, "study") == (count, 0)
    for place, namespace, first in ((other, "backtest:a", 1), (memory, "study", count + 1)):
        for number in range(count):
            assert place.table(first + number) == memory.table(1 + number)
            assert course_of(place, first + number).namespace == namespace
        assert place.next_due(namespace) == memory.next_due("backtest:a")
    assert advised(other, as_of) == before != ()
    again = tmp_path / "again.jsonl"
    export(other.engine, "backtest:a", again)
    assert again.read_bytes() == file.read_bytes()
    close_memory(other.path)


def test_a_purge_writes_an_archive_that_brings_advice_back(memory, advising):
    now = advising[-1] + TICK
    before = advised(memory, now)
    archive = memory.purge("backtest:a", "all", at=now)
    assert advised(memory, now) == ()
    store(memory.engine, read_lines(archive, parse_export).experiences)
    assert advised(memory, now) == before != ()


class Feed:
    """Candles of one trade, as a market feed gives them."""

    def __init__(self, path):
        self.candles = path.candles

    def closed(self, pair, first, as_of):
        columns = (self.candles.open, self.candles.high, self.candles.low, self.candles.close)
        return list(self.candles.time), [list(one) for one in columns]


@pytest.mark.parametrize(
    ("language", "said", "told"),
    [
        ("en", "What follows is without funding.", "% (here and below without funding)"),
        ("zh", "以下未计资金费。", "%（此处及以下未计资金费）"),
    ],
)
def test_a_live_table_says_that_it_is_without_funding(make_trade, language, said, told):
    trade = make_trade()
    path = replayed(trade)
    assert said not in lesson_of(table_of(path, complete_at(trade)), language)
    live = TradePaths(Feed(path), provider=None, is_backtest=False).of(trade, track_of(trade), complete_at(trade))
    table = table_of(live, complete_at(trade))
    assert not table.has_funding
    assert said in lesson_of(table, language)
    assert told in trade_text(trade, None, evaluate(trade), table, language)

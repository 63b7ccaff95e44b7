"""The next briefing says what became of the last call, and since when it keeps failing."""

from datetime import UTC, datetime, timedelta

import pytest

from candlegraph.agents.prompt.briefing import brief_of
from candlegraph.agents.prompt.last_call import ENDS, last_call_line
from candlegraph.agents.prompt.phrases import WORDS
from candlegraph.freqtrade_bridge.decisions.last_calls import SAID_FOR, LastCalls
from candlegraph.graph.schema.fate import Fate, Refusal
from candlegraph.graph.schema.signal import Move
from candlegraph.graph.settings.settings import settings_of
from candlegraph.graph.state import CandleState
from candlegraph.tools.market.facts import facts_of

PAIR, LENGTH, START = "BTC/USDT:USDT", timedelta(minutes=30), datetime(2025, 3, 1, tzinfo=UTC)
TOO_SMALL = Refusal(door="exchange_minimum", why="12.4 USDT would remain, the exchange's minimum is 29.5")
HALVE, ENTER = Move(action="adjust", adjustment_pct=-50), Move(action="enter_long")


def at(candle):
    return START + candle * LENGTH


def refused(refusal=TOO_SMALL):
    return Fate(kind="refused", at=START, refusal=refusal)


def filled(**changes):
    return Fate(kind="filled", at=START, price=61_200.0, amount=0.1, order_id="1", **changes)


def after(*calls):
    """Return the memory after (candle, move, fate)."""
    known = LastCalls(LENGTH)
    for candle, move, fate in calls:
        known.note(PAIR, at(candle), move, fate)
    return known


def told(known, candle, language="en"):
    last = known.of(PAIR, at(candle))
    return None if last is None else last_call_line(last, WORDS[language])


def test_a_refused_call_is_told_with_its_numbers():
    assert told(after((0, HALVE, refused())), 1) == (
        "the last call, adjust_position -50 %, made 1 candles ago, was not carried out: too small: "
        "12.4 USDT would remain, the exchange's minimum is 29.5"
    )


def test_it_speaks_chinese():
    line = told(after((0, HALVE, refused()), (1, HALVE, refused())), 2, "zh")
    assert line.startswith(
        "上次调用 adjust_position -50 %（1 根K线之前）未执行：数量过小：将只剩 12.4 USDT,交易所最小值为 29.5"
    )
    assert line.endswith("；同样的调用已连续失败 2 次，第一次在 2 根K线之前")


def test_the_same_call_that_keeps_failing_is_counted_from_its_first():
    known = after((0, HALVE, refused()), (3, HALVE, refused()), (4, HALVE, refused()))
    assert told(known, 5).endswith("; the same call has failed 3 times in a row, for the first time 5 candles ago")


@pytest.mark.parametrize(
    "between",
    [
        (1, Move(action="exit"), refused()),
        (1, Move(action="adjust", adjustment_pct=40), refused()),
        (1, HALVE, refused(Refusal(door="late", why="late"))),
        (1, HALVE, filled()),
    ],
)
def test_another_call_or_another_end_begins_anew(between):
    known = after((0, HALVE, refused()), between, (2, HALVE, refused()))
    assert "in a row" not in told(known, 3)


def test_what_was_carried_out_is_said_once_and_what_was_not_for_some_candles():
    done, failed = after((0, ENTER, filled())), after((0, ENTER, refused()))
    assert told(done, 1) == "the last call, signal_entry_long, was carried out at 61200"
    assert told(done, 2) is None
    assert told(failed, SAID_FOR) is not None
    assert told(failed, SAID_FOR + 1) is None
    assert told(failed, 0) is None


def test_no_other_pair_is_told():
    assert after((0, ENTER, refused())).of("ETH/USDT:USDT", at(1)) is None


def test_a_lock_is_told_without_its_date():
    lock = Refusal(door="lock", key="Cooldown", why="freqtrade had locked the pair", until=at(9))
    assert told(after((0, ENTER, refused(lock))), 1).endswith("locked: Cooldown: freqtrade had locked the pair")


@pytest.mark.parametrize("kind", ["expired", "superseded", "no_order_needed"])
@pytest.mark.parametrize("language", ["en", "zh"])
def test_every_other_end_has_its_words(kind, language):
    line = told(after((0, HALVE, Fate(kind=kind, at=START, why="closed by stop_loss"))), 1, language)
    assert "closed by stop_loss" in line and ENDS[kind][language] in line


@pytest.mark.parametrize("side", [None, "long"])
@pytest.mark.parametrize("prompt", ["full", "compact"])
def test_the_sentence_stands_in_the_prompt_however_small_and_else_nothing_does(make_snapshot, side, prompt):
    blocks = {"llm_config": {"prompt": prompt}, "context_config": {"max_context_tokens": 3000}}
    settings = settings_of(blocks if prompt == "full" else {"llm_config": {"prompt": prompt}})
    plain = make_snapshot(side)
    last = after((0, HALVE, refused())).of(PAIR, at(1))
    texts = []
    for snapshot in (plain, plain.model_copy(update={"last_call": last})):
        state = CandleState(snapshot=snapshot, facts=facts_of(snapshot, ("30m",), ()))
        texts.append(brief_of(state, settings, ()).messages[1].content)
    assert "last call" not in texts[0]
    assert last_call_line(last, WORDS["en"]) in texts[1]

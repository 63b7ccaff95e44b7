"""One number, one unit, one name: what the prompt says twice, it says alike; levels lie on their side of the price."""

import os
import re
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest

from candlegraph.agents.prompt.briefing import market_text
from candlegraph.agents.prompt.compact import compact_facts
from candlegraph.agents.prompt.files import prompt_text
from candlegraph.agents.prompt.last_call import last_call_line
from candlegraph.agents.prompt.opinions import view_lines
from candlegraph.agents.prompt.phrases import WORDS
from candlegraph.agents.prompt.timeframes import pattern_name
from candlegraph.graph.schema.calls import CallRecord
from candlegraph.graph.schema.errors import ConfigError
from candlegraph.graph.schema.facts import parse_facts
from candlegraph.graph.schema.fate import LastCall
from candlegraph.graph.schema.market import Account
from candlegraph.graph.schema.numbers import written
from candlegraph.graph.schema.opinions import AnalystView
from candlegraph.graph.settings.settings import settings_of
from candlegraph.graph.state import CandleState
from candlegraph.tools.market.candle_files import read_candles
from candlegraph.tools.market.facts import facts_of
from candlegraph.tools.market.frames import Candles, snapshot_of
from candlegraph.tools.market.patterns import FIGURES, TWO_SIDED

ROOMY = {"max_context_tokens": 60_000, "allocation": {"indicator_history": 20_000, "multi_timeframe": 20_000}}
LEVEL = re.compile(r"(?<![\w.])([\d.]+) x\d+")
MOMENTS = [datetime(2025, 3, 1, tzinfo=UTC) + timedelta(hours=7.5 * n) for n in range(24)]


def text_at(snapshot, **context):
    settings = settings_of({"context_config": ROOMY | context})
    facts = facts_of(snapshot, settings.context_config.timeframes, ())
    return market_text(CandleState(snapshot=snapshot, facts=facts), settings)


def block(text, name):
    """Return the lines of a block, as (timeframe, what is told)."""
    found = re.search(rf"<{name}>\n(.*?)\n</{name}>", text, re.DOTALL)
    return [re.split(r"[:：] ?", line, maxsplit=1) for line in found[1].splitlines()] if found else []


def history(text):
    """Return the series of each timeframe, by name."""
    parts = {frame: told.split("; ") for frame, told in block(text, "history")}
    return {frame: {one.split()[0]: one.split()[1:] for one in told} for frame, told in parts.items()}


@pytest.fixture(scope="module", params=["sample", "real"])
def snapshots(request, frames):
    """Return snapshots of the sample market, and of real candles where they are."""
    account = Account(equity=1000, free=1000, open_positions=0)
    if request.param == "sample":
        candles = {name: Candles(frame, name, past=30) for name, frame in frames.items()}
        ends = frames["30m"]["date"].iloc[-1]
        moments = [(ends - timedelta(hours=5.5 * n)).to_pydatetime() for n in range(24)]
    else:
        if not os.environ.get("CANDLEGRAPH_MARKET"):
            pytest.skip("no real candles here")
        folder = Path(os.environ["CANDLEGRAPH_MARKET"]) / "binance"
        candles = {name: read_candles(folder, "BTC/USDT:USDT", name, past=30) for name in frames}
        moments = MOMENTS
    return [snapshot_of("BTC/USDT:USDT", moment, candles, account) for moment in moments]


def test_a_number_that_stands_in_the_facts_and_in_the_history_is_the_same(snapshots):
    compared = 0
    for snapshot in snapshots:
        text = text_at(snapshot)
        facts = parse_facts(text)
        for frame, told in history(text).items():
            for name in set(told) - {"volume"}:
                same = pytest.approx(getattr(facts.timeframes[frame], name), rel=6e-4)  # four digits against six
                assert float(told[name][-1]) == same, (frame, name)
                compared += 1
    assert compared > 20 * len(snapshots) / 2


def test_every_level_lies_on_its_side_of_the_present_price(snapshots):
    seen = set()
    for snapshot in snapshots:
        text = text_at(snapshot)
        facts = parse_facts(text)
        sides = {"support": [], "resistance": []}
        for _, told in block(text, "timeframes"):
            for part in told.split("; "):
                word = part.split()[0]
                if word in sides:
                    sides[word] += [float(price) for price in LEVEL.findall(part)]
        assert all(price < facts.price for price in sides["support"])
        assert all(price > facts.price for price in sides["resistance"])
        assert facts.support is None or facts.support in sides["support"]
        assert facts.resistance is None or facts.resistance in sides["resistance"]
        views = [view for view in snapshot.timeframes[1:] if view.close != snapshot.price]
        seen |= {view.timeframe for view in views for one in view.levels if min(view.close, snapshot.price) < one.price
                 < max(view.close, snapshot.price)}  # fmt: skip
    assert seen, "no level lay between a timeframe's own close and the price: nothing was put to the test"


def test_no_number_is_written_with_an_exponent(snapshots):
    for snapshot in snapshots:
        assert not re.search(r"\d[eE][+-]?\d", text_at(snapshot))


@pytest.mark.parametrize(
    "value, shown", [(8.5e-06, "0.0000085"), (22791.4, "22790"), (1234567.0, "1235000"), (0.0, "0"), (-3.5, "-3.5")]
)
def test_a_number_is_written_as_people_write_it(value, shown):
    assert written(value, 4) == shown


@pytest.mark.parametrize("points", [0, 1, 5, 30])
def test_the_history_has_as_many_points_as_configured(snapshots, points):
    told = history(text_at(snapshots[0], indicator_history_points=points))
    assert {len(values) for one in told.values() for values in one.values()} == ({points} if points else set())


def test_a_timeframe_can_have_its_own_candles_and_fields(snapshots):
    chosen = {"4h": {"candles": 20, "fields": ["close", "rsi"]}, "1d": {"candles": 3}}
    told = history(text_at(snapshots[0], indicator_history_points=4, multi_timeframe_history=chosen))
    assert {name: len(values) for name, values in told["4h"].items()} == {"close": 20, "rsi": 20}
    assert {name: len(values) for name, values in told["1d"].items()} == {"close": 3, "rsi": 3}
    assert {len(values) for values in told["30m"].values()} == {4} and "close" not in told["30m"]


def test_a_long_history_is_halved_until_it_fits_and_says_so(snapshots):
    few = {"max_context_tokens": 6000, "allocation": {"indicator_history": 500}}
    text = text_at(snapshots[0], **few, indicator_history_points=30)
    lengths = {len(values) for one in history(text).values() for values in one.values()}
    assert lengths and max(lengths) < 30
    assert "older values" in text


def test_a_history_of_a_timeframe_that_is_not_seen_is_refused():
    with pytest.raises(ConfigError, match=r"multi_timeframe_history\.2h: not one of .* valid: 30m, 1h, 4h, 1d"):
        settings_of({"context_config": {"multi_timeframe_history": {"2h": {"candles": 5}}}})


def test_every_pattern_has_a_chinese_name():
    names = [*(set(FIGURES) - set(TWO_SIDED)), *(f"{way}_{one}" for one in TWO_SIDED for way in ("bullish", "bearish"))]
    assert not [name for name in names if re.search("[a-z]", pattern_name(name, WORDS["zh"]))]


@pytest.mark.parametrize("name", ["decision", "compact"])
@pytest.mark.parametrize("language", ["en", "zh"])
def test_the_task_praises_no_action(name, language):
    text = prompt_text(name, language)
    assert not re.search(r"wait|hold|观望|等待|持有", text, re.IGNORECASE)


def test_the_prices_of_a_tiny_coin_have_no_exponent_outside_the_sections_either(snapshots):
    facts = facts_of(snapshots[0], ("30m",), ())
    small = facts.model_copy(update={"price": 0.00000851234, "support": 0.0000085})
    last = LastCall(function="signal_exit", kind="filled", candles_ago=1, price=0.0000085)
    said = {"bias": "bullish", "regime": "r", "conflicts": "c", "would_change_mind": "w"}
    view = AnalystView(**said, key_support=0.0000085, key_resistance=None, call=CallRecord(role="analyst", model="m"))
    told = [compact_facts(small, WORDS["en"]), last_call_line(last, WORDS["en"]), *view_lines(view, "en")]
    assert not re.search(r"\d[eE][+-]?\d", "\n".join(told))
    assert "0.0000085" in told[1] and "0.0000085" in told[2]

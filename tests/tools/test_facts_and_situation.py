"""The facts block there and back, and the situation vector."""

import re
import types
import typing

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from candlegraph.graph.schema.errors import FactsError
from candlegraph.graph.schema.facts import (
    AccountFacts,
    ExperienceFacts,
    Facts,
    PositionFacts,
    parse_facts,
    render_facts,
)
from candlegraph.graph.schema.indicators import TimeframeFacts
from candlegraph.graph.schema.market import Account
from candlegraph.graph.schema.numbers import significant
from candlegraph.graph.settings.context import ContextConfig
from candlegraph.tools.market import situation_versions as versions
from candlegraph.tools.market.facts import facts_of
from candlegraph.tools.market.frames import Candles, snapshot_of
from candlegraph.tools.market.situation import CONSTANT, situation_of, space_of
from candlegraph.tools.market.situation_versions import VERSION, volatility_pct_of

TIMEFRAMES = ("30m", "1h", "4h", "1d")
COMPONENTS = versions.COMPONENTS[VERSION]
NUMBERS = st.one_of(
    st.sampled_from([0.0, -0.0, 0.0000085, -0.0000085, 1e-12, 123456.789, 1e21]), st.floats(-1e12, 1e12)
)
WORDS = st.sampled_from(["none", "30m.rsi", "1d 4h.macd", "17 4 2"])
PAIRS = st.sampled_from(["BTC/USDT:USDT", "1000PEPE/USDT:USDT", "ETH/BTC"])


def value_of(annotation):
    """Return the values that a field with `annotation` may have."""
    if typing.get_origin(annotation) is typing.Literal:
        return st.sampled_from(typing.get_args(annotation))
    if isinstance(annotation, types.UnionType) or typing.get_origin(annotation) is typing.Union:
        return st.one_of(*[value_of(one) for one in typing.get_args(annotation)])
    if annotation is types.NoneType:
        return st.none()
    return {float: NUMBERS, int: st.integers(-(10**9), 10**9), str: WORDS}[annotation]


def any_of(model, **given_fields):
    fields = {
        name: value_of(field.annotation) for name, field in model.model_fields.items() if name not in given_fields
    }
    return st.builds(model, **fields, **given_fields)


ALL_FACTS = any_of(
    Facts,
    pair=PAIRS,
    timeframes=st.dictionaries(st.sampled_from(["5m", *TIMEFRAMES, "1w"]), any_of(TimeframeFacts), min_size=1),
    account=any_of(AccountFacts),
    position=st.none() | any_of(PositionFacts),
    experience=st.none() | any_of(ExperienceFacts),
    closed=st.dictionaries(st.sampled_from(["enter_long", "enter_short", "add", "reduce"]), WORDS),
)


def rounded(value):
    """Return `value` with every number cut to what the block shows."""
    if isinstance(value, dict):
        return {key: rounded(one) for key, one in value.items()}
    return significant(value) if isinstance(value, float) else value


@settings(max_examples=200, deadline=None)
@given(facts=ALL_FACTS)
def test_facts_come_back_from_their_block_to_six_digits(facts):
    block = render_facts(facts)
    back = parse_facts(f"words before\n{block}\nwords behind")
    assert back.model_dump() == rounded(facts.model_dump())
    assert list(back.timeframes) == list(facts.timeframes)
    assert render_facts(back) == block


@settings(max_examples=50, deadline=None)
@given(facts=ALL_FACTS)
def test_every_line_of_the_block_is_key_and_value(facts):
    first, *lines, last = render_facts(facts).splitlines()
    assert (first, last) == ("<facts>", "</facts>")
    assert all(len(line.split(": ")) == 2 for line in lines)


def facts_now(snapshot):
    return facts_of(snapshot, TIMEFRAMES, ContextConfig().required_indicators)


@pytest.fixture
def facts(make_snapshot):
    return facts_now(make_snapshot())


def test_a_small_price_keeps_its_digits(facts):
    assert "\nprice: 0.00000851234\n" in render_facts(facts.model_copy(update={"price": 0.00000851234}))


def test_facts_hold_no_date_and_no_words_of_others(make_snapshot):
    block = render_facts(facts_now(make_snapshot("short", entry_reason="突破做空")))
    assert "position.side: short" in block
    assert block.isascii()
    assert not re.search(r"\d{4}-\d\d|\d\d:\d\d|candle:|as_of|opened", block)


def test_the_last_block_counts(facts):
    first, second = render_facts(facts), render_facts(facts.model_copy(update={"alignment": -3}))
    assert parse_facts(f"{first}\n{second}").alignment == -3


@pytest.mark.parametrize(
    "change, message",
    [
        (lambda text: "no block at all", "expected a <facts> block"),
        (lambda text: text.replace("pair: ", "pair "), "expected 'key: value'"),
        (lambda text: text.replace("regime: ", "regime: sideways_"), "regime"),
        (lambda text: text.replace("alignment: ", "alignment: x"), "alignment"),
        (lambda text: text.replace("</facts>", "surprise: 1\n</facts>"), "surprise"),
        (lambda text: text.replace("</facts>", "30m.surprise: 1\n</facts>"), "surprise"),
        (lambda text: text.replace("30m.rsi:", "30m.rzi:"), "rsi"),
        (lambda text: text.replace("30m.close: ", "30m.close: nan #"), "close"),
        (lambda text: text.replace("account.free: ", "account.free: inf #"), "free"),
    ],
)
def test_a_block_that_breaks_the_schema_is_refused_with_its_line_or_field(facts, change, message):
    with pytest.raises(FactsError, match=message):
        parse_facts(change(render_facts(facts)))


def test_vector_has_its_components_a_timeframe_and_three_of_the_whole(facts):
    assert len(situation_of(facts)) == len(COMPONENTS) * len(TIMEFRAMES) + 3
    assert situation_of(facts)[-1] == CONSTANT


EXTREME = st.floats(-1e6, 1e6)


@settings(max_examples=60, deadline=None)
@given(
    facts=any_of(
        Facts,
        pair=PAIRS,
        price=st.floats(1e-8, 1e6),
        timeframes=st.fixed_dictionaries(
            {"30m": st.builds(TimeframeFacts, **{name: EXTREME for name in TimeframeFacts.model_fields})}
        ),
        account=any_of(AccountFacts),
        closed=st.just({}),
        position=st.none(),
        experience=st.none(),
    )
)
def test_every_component_lies_between_minus_one_and_one(facts):
    vector = situation_of(facts)
    assert len(vector) == len(COMPONENTS) + 3
    assert all(-1 <= component <= 1 for component in vector)


@pytest.mark.parametrize("timeframe", TIMEFRAMES)
@pytest.mark.parametrize("name", COMPONENTS)
def test_there_is_no_vector_while_a_component_is_unavailable(facts, timeframe, name):
    assert situation_of(changed(facts, timeframe, **{name: None})) is None


def test_there_is_no_vector_without_the_volatility_of_the_main_timeframe(facts):
    assert situation_of(changed(facts, "30m", atr=None)) is None
    assert situation_of(changed(facts, "4h", atr=None)) is not None


@pytest.mark.parametrize("timeframe", TIMEFRAMES)
@pytest.mark.parametrize("name", COMPONENTS)
def test_every_component_moves_the_vector(facts, timeframe, name):
    low, high = changed(facts, timeframe, **{name: 0.1}), changed(facts, timeframe, **{name: 0.4})
    if name in ("rsi", "adx"):
        low, high = changed(facts, timeframe, **{name: 30.0}), changed(facts, timeframe, **{name: 40.0})
    differing = [a < b for a, b in zip(situation_of(low), situation_of(high), strict=True) if a != b]
    assert differing == [True]


@pytest.mark.parametrize(
    "name, value, component",
    [
        ("rsi", 50, 0),
        ("rsi", 75, 1),
        ("adx", 25, 0),
        ("adx", 50, 1),
        ("bollinger_position", 0.5, 0),
        ("momentum", 2, 0.5),
    ],
)
def test_scales_are_as_stated(facts, name, value, component):
    place = COMPONENTS.index(name)
    assert situation_of(changed(facts, "30m", **{name: float(value)}))[place] == component


@pytest.mark.parametrize("share, component", [(0.005, -0.5), (0.01, 0), (0.015, 0.5), (0.05, 1)])
def test_volatility_is_nought_where_the_atr_is_one_percent(facts, share, component):
    assert situation_of(changed(facts, "30m", atr=facts.price * share))[-2] == pytest.approx(component)


def changed(facts, timeframe, **changes):
    one = facts.timeframes[timeframe].model_copy(update=changes)
    return facts.model_copy(update={"timeframes": facts.timeframes | {timeframe: one}})


def test_equal_markets_give_equal_vectors_whatever_the_account(make_snapshot):
    rich = Account(equity=1e6, free=1e6, open_positions=3)
    flat, other = facts_now(make_snapshot()), facts_now(make_snapshot("short", account=rich))
    assert situation_of(flat) == situation_of(other.model_copy(update={"pair": "ETH/USDT:USDT"}))


def test_different_markets_give_different_vectors(make_snapshot, as_of):
    earlier = make_snapshot(as_of=as_of.replace(hour=3))
    assert situation_of(facts_now(make_snapshot())) != situation_of(facts_now(earlier))


@pytest.mark.parametrize("factor", [8.5e-8, 0.01, 3.0, 900.0])
def test_the_vector_does_not_depend_on_the_unit_of_the_price(frames, as_of, factor):
    def vector(factor):
        columns = ["open", "high", "low", "close"]
        scaled = {tf: frame.assign(**{c: frame[c] * factor for c in columns}) for tf, frame in frames.items()}
        candles = {tf: Candles(frame, tf) for tf, frame in scaled.items()}
        account = Account(equity=1, free=1, open_positions=0)
        return situation_of(facts_now(snapshot_of("X/USDT:USDT", as_of, candles, account)))

    assert vector(factor) == pytest.approx(vector(1.0), abs=1e-6)


def test_the_space_names_its_version_and_timeframes(facts):
    assert space_of(facts) == f"{VERSION}:30m,1h,4h,1d"
    fewer = facts.model_copy(update={"timeframes": {"30m": facts.timeframes["30m"]}})
    assert space_of(fewer) == f"{VERSION}:30m"


@pytest.mark.parametrize("version", [*versions.COMPONENTS, "situation-next"])
def test_the_volatility_is_read_back_from_a_vector_of_every_version(facts, version, monkeypatch):
    monkeypatch.setattr(versions, "COMPONENTS", versions.COMPONENTS | {"situation-next": ("momentum",)})
    monkeypatch.setattr(versions, "VERSION", version)
    vector, space = situation_of(facts), space_of(facts)
    monkeypatch.setattr(versions, "VERSION", "situation-next")
    assert volatility_pct_of(vector, space) == pytest.approx(100 * facts.timeframes["30m"].atr / facts.price)


def test_a_vector_of_somebody_else_says_nothing_of_the_volatility():
    assert volatility_pct_of((0.1, 0.2, 0.3), "benchmark") is None


def test_version_one_is_what_it_was(facts, monkeypatch):
    """Another component, order or scale needs another version: older trades are compared by this one."""
    numbers = {"ema_20_distance": 1.5, "ema_50_distance": 1.0, "ema_spread": -1.5, "macd_histogram": 0.25}
    numbers |= {"momentum": 3.0, "rsi": 60.0, "adx": 30.0, "bollinger_position": 0.75, "atr": facts.price * 0.005}
    one = facts.timeframes["30m"].model_copy(update=numbers)
    known = facts.model_copy(update={"timeframes": {"30m": one}, "alignment": 1})
    expected = (0.5, 0.2, -0.5, 0.25, 0.75, 0.4, 0.2, 0.5, 1.0, -0.5, 0.5)
    monkeypatch.setattr(versions, "VERSION", "situation-v1")
    assert situation_of(known) == pytest.approx(expected)

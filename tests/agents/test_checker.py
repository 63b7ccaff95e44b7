"""The checker's rules, row by row: what fires, what is just allowed, and which key moves the line."""

import json
import re
from pathlib import Path

import pytest

from candlegraph.graph.schema.signal import Proposal
from candlegraph.graph.settings.risk import Checks
from candlegraph.graph.settings.settings import Settings, settings_of
from candlegraph.tools.market.facts import facts_of
from candlegraph.tools.risk.checks import Subject, comparable, findings

PRICE, ATR = 100.0, 2.0
EMAS = {-1: (101.0, 102.0), 0: (100.0, 100.0), 1: (99.0, 98.0)}
"""EMA 20 and EMA 50 of a trend, around the price."""
RULES = (
    "claims",
    "against_trend",
    "reward_to_risk",
    "near_level",
    "cooldown",
    "repeated_reason",
    "no_progress",
    "profit_erosion",
)
OFF = dict.fromkeys(RULES, "off")


def market(snapshot, trends):
    """Return `snapshot` at a price of 100 with an ATR of 2, with a trend on some timeframes and none on the others."""
    views = []
    for view in snapshot.timeframes:
        fast, slow = EMAS[trends.get(view.timeframe, 0)]
        indicators = view.indicators.model_copy(update={"atr": ATR, "ema_20": fast, "ema_50": slow})
        views.append(view.model_copy(update={"close": PRICE, "indicators": indicators}))
    return snapshot.model_copy(update={"timeframes": tuple(views)})


@pytest.fixture
def case(make_snapshot):
    """Return a factory of cases: `case("enter_long", trends={"1d": -1}, resistance=101, stop=98, since_loss=1)`."""

    def make(
        action="hold",
        side="long",
        *,
        pct=None,
        confidence=60,
        reason="the trend holds",
        trends=None,
        support=None,
        resistance=None,
        stop=None,
        target=None,
        since_loss=None,
        mismatches=(),
        **position,
    ):
        flat = action in ("enter_long", "enter_short", "wait")
        snapshot = make_snapshot(None if flat else side, **{"entry_price": PRICE} | position if not flat else {})
        snapshot = market(snapshot, trends or {}).model_copy(update={"candles_since_loss": since_loss})
        facts = facts_of(snapshot, Settings().context_config.timeframes, ())
        return Subject(
            proposal=Proposal(action=action, confidence=confidence, reason=reason, adjustment_pct=pct),
            snapshot=snapshot,
            facts=facts.model_copy(update={"support": support, "resistance": resistance}),
            mismatches=mismatches,
            stop=stop,
            take_profit=target,
        )

    return make


DOWN, UP = {"4h": -1, "1d": -1}, {"4h": 1, "1d": 1}
LONG, SHORT = {"action": "enter_long", "stop": 98.0}, {"action": "enter_short", "stop": 102.0}
ADD = {"action": "adjust", "pct": 50}
SAME = ("The  trend holds",) * 4
MOVED = {"entry_price": 100.0, "planned_risk_ratio": 0.02}
WENT = {"mfe_pct": 10.0}

TABLE = [
    ("claims", LONG | {"mismatches": ("rsi_value 80 is wrong",)}, True),
    ("claims", ADD | {"mismatches": ("rsi_value 80 is wrong",)}, True),
    ("claims", LONG, False),
    ("against_trend", LONG | {"trends": DOWN}, True),
    ("against_trend", SHORT | {"trends": UP}, True),
    ("against_trend", ADD | {"trends": DOWN}, True),
    ("against_trend", ADD | {"trends": UP, "side": "short"}, True),
    ("against_trend", LONG | {"trends": {"1d": -1}}, True),
    ("against_trend", LONG | {"trends": {"4h": -1}}, True),
    ("against_trend", LONG | {"trends": {"4h": 1, "1d": -1}}, False),
    ("against_trend", LONG | {"trends": UP}, False),
    ("against_trend", SHORT | {"trends": DOWN}, False),
    ("against_trend", ADD | {"trends": UP}, False),
    ("against_trend", LONG | {"trends": {"30m": -1, "1h": -1}}, False),
    ("against_trend", LONG | {"trends": DOWN, "confidence": 74.9}, True),
    ("against_trend", LONG | {"trends": DOWN, "confidence": 75}, False),
    ("reward_to_risk", LONG | {"target": 101.9}, True),
    ("reward_to_risk", LONG | {"target": 102.0}, False),
    ("reward_to_risk", LONG | {"target": 101.9, "resistance": 110.0}, True),
    ("reward_to_risk", LONG | {"target": 103.0, "resistance": 101.0}, False),
    ("reward_to_risk", LONG | {"resistance": 101.9}, True),
    ("reward_to_risk", LONG | {"resistance": 102.0}, False),
    ("reward_to_risk", LONG | {"support": 99.9}, False),
    ("reward_to_risk", SHORT | {"target": 98.1}, True),
    ("reward_to_risk", SHORT | {"support": 98.1}, True),
    ("reward_to_risk", SHORT | {"support": 98.0}, False),
    ("reward_to_risk", SHORT | {"resistance": 100.1}, False),
    ("reward_to_risk", LONG, False),
    ("near_level", LONG | {"resistance": 100.49}, True),
    ("near_level", LONG | {"resistance": 100.5}, False),
    ("near_level", LONG | {"support": 99.9}, False),
    ("near_level", LONG, False),
    ("near_level", SHORT | {"support": 99.51}, True),
    ("near_level", SHORT | {"support": 99.5}, False),
    ("near_level", SHORT | {"resistance": 100.1}, False),
    ("cooldown", LONG | {"since_loss": 0}, True),
    ("cooldown", SHORT | {"since_loss": 1}, True),
    ("cooldown", LONG | {"since_loss": 2}, False),
    ("cooldown", LONG | {"since_loss": None}, False),
    ("repeated_reason", {"past_reasons": SAME}, True),
    ("repeated_reason", ADD | {"past_reasons": SAME}, True),
    ("repeated_reason", {"past_reasons": ("something else", *SAME)}, True),
    ("repeated_reason", {"past_reasons": SAME[:3]}, False),
    ("repeated_reason", {"past_reasons": (*SAME[:3], "something else")}, False),
    ("repeated_reason", {"past_reasons": ("something else", *SAME[:3])}, False),
    ("repeated_reason", {"past_reasons": SAME, "reason": "a new thought"}, False),
    ("no_progress", MOVED | {"age_candles": 48}, True),
    ("no_progress", ADD | MOVED | {"age_candles": 48}, True),
    ("no_progress", MOVED | {"age_candles": 47}, False),
    ("no_progress", MOVED | {"age_candles": 48, "entry_price": 100 / 1.0101}, False),
    ("no_progress", MOVED | {"age_candles": 48, "entry_price": 100 / 1.0099}, True),
    ("no_progress", MOVED | {"age_candles": 48, "entry_price": 100 / 0.9899}, False),
    ("no_progress", MOVED | {"age_candles": 48, "entry_price": 100 / 0.9901}, True),
    ("no_progress", MOVED | {"age_candles": 48, "entry_price": 100 / 0.9901, "side": "short"}, True),
    ("no_progress", {"age_candles": 48, "planned_risk_ratio": None}, False),
    ("profit_erosion", WENT | {"profit_pct": 4.0}, True),
    ("profit_erosion", ADD | WENT | {"profit_pct": 4.0}, True),
    ("profit_erosion", WENT | {"profit_pct": 4.01}, False),
    ("profit_erosion", WENT | {"profit_pct": -5.0}, True),
    ("profit_erosion", {"mfe_pct": 5.0, "profit_pct": 1.0}, True),
    ("profit_erosion", {"mfe_pct": 4.99, "profit_pct": 1.0}, False),
]


def found(made, rule, verdict, **thresholds):
    """Return what `rule` alone finds."""
    return findings(made, Checks.model_validate(OFF | {rule: verdict} | thresholds))


@pytest.mark.parametrize("rule, about, fires", TABLE)
def test_a_rule_blocks_or_warns_exactly_where_it_should_and_is_silent_when_off(case, rule, about, fires):
    made = case(**about)
    for verdict in ("block", "warn"):
        got = found(made, rule, verdict)
        assert [(one.rule, one.strictness) for one in got] == ([(rule, verdict)] if fires else [])
        assert all(one.why for one in got)
    assert found(made, rule, "off") == ()


THRESHOLDS = [
    ("against_trend_confidence", "against_trend", LONG | {"trends": DOWN, "confidence": 80}, 75, 81),
    ("min_reward_to_risk", "reward_to_risk", LONG | {"target": 104.0}, 2, 2.01),
    ("near_level_atr", "near_level", LONG | {"resistance": 102.0}, 1, 1.01),
    ("near_level_atr", "near_level", LONG | {"resistance": 100.0001}, 0, 0.01),
    ("cooldown_candles", "cooldown", LONG | {"since_loss": 5}, 5, 6),
    ("repeated_reason_count", "repeated_reason", {"past_reasons": SAME}, 6, 5),
    ("repeated_reason_count", "repeated_reason", {"past_reasons": SAME[:1]}, 3, 2),
    ("no_progress_candles", "no_progress", MOVED | {"age_candles": 20}, 21, 20),
    ("no_progress_r", "no_progress", MOVED | {"age_candles": 48, "entry_price": 98.0}, 1, 1.1),
    ("no_progress_r", "no_progress", MOVED | {"age_candles": 48}, 0, 0.01),
    ("erosion_from_pct", "profit_erosion", {"mfe_pct": 4.0, "profit_pct": 1.0}, 4.1, 4),
    ("erosion_share", "profit_erosion", WENT | {"profit_pct": 3.0}, 0.71, 0.7),
]


@pytest.mark.parametrize("key, rule, about, passes, fires", THRESHOLDS)
def test_a_threshold_moves_the_line_of_its_rule(case, key, rule, about, passes, fires):
    made = case(**about)
    assert found(made, rule, "block", **{key: passes}) == ()
    assert [one.rule for one in found(made, rule, "block", **{key: fires})] == [rule]


def test_every_key_of_the_checks_has_a_row_and_every_rule_fires_in_one():
    firing = {rule for rule, _, fires in TABLE if fires}
    assert firing == set(RULES) == {name for name in Checks.model_fields if name in RULES}
    assert firing | {row[0] for row in THRESHOLDS} == set(Checks.model_fields)


def test_nothing_that_makes_a_position_smaller_is_ever_checked(case):
    everything = {
        "trends": DOWN,
        "mismatches": ("wrong",),
        "past_reasons": SAME,
        "age_candles": 99,
        "mfe_pct": 10.0,
        "profit_pct": 1.0,
    }
    strict = Checks.model_validate(dict.fromkeys(RULES, "block"))
    for about in ({"action": "exit"}, {"action": "adjust", "pct": -50}):
        assert findings(case(**about | everything), strict) == ()
    assert len(findings(case(**ADD | everything), strict)) == 5
    assert len(findings(case(**{"action": "hold"} | everything), strict)) == 3


def test_waiting_is_never_checked(case):
    strict = Checks.model_validate(dict.fromkeys(RULES, "block"))
    assert findings(case("wait", mismatches=("wrong",), trends=DOWN, since_loss=0, resistance=100.1), strict) == ()


def test_a_position_that_never_was_in_profit_gave_nothing_back(case):
    made = case(mfe_pct=0.0, profit_pct=-4.0)
    assert found(made, "profit_erosion", "block", erosion_from_pct=0) == ()


def test_no_level_is_near_while_the_atr_is_unavailable(case):
    made = case(**LONG | {"resistance": 100.1})
    main = made.snapshot.main
    for atr in (None, 0.0):
        blind = main.model_copy(update={"indicators": main.indicators.model_copy(update={"atr": atr})})
        snapshot = made.snapshot.model_copy(update={"timeframes": (blind, *made.snapshot.timeframes[1:])})
        assert found(made.model_copy(update={"snapshot": snapshot}), "near_level", "block") == ()


@pytest.mark.parametrize(
    "kept, against", [(("30m",), "30m"), (("30m", "1h"), "30m and 1h"), (("1d", "30m", "4h"), "4h and 1d")]
)
def test_the_two_longest_timeframes_count_whatever_their_order_and_number(case, kept, against):
    made = case(**LONG | {"trends": dict.fromkeys(("30m", "1h", "4h", "1d"), -1)})
    views = {view.timeframe: view for view in made.snapshot.timeframes}
    snapshot = made.snapshot.model_copy(update={"timeframes": tuple(views[name] for name in kept)})
    [one] = found(made.model_copy(update={"snapshot": snapshot}), "against_trend", "warn")
    assert f"the trend of {against} needs" in one.why


def test_several_rules_may_speak_at_once_and_each_with_its_own_verdict(case):
    made = case(**LONG | {"trends": DOWN, "since_loss": 1})
    checks = Checks.model_validate(OFF | {"against_trend": "block", "cooldown": "warn"})
    assert [(one.rule, one.strictness) for one in findings(made, checks)] == [
        ("against_trend", "block"),
        ("cooldown", "warn"),
    ]


@pytest.mark.parametrize(
    "one, other, same",
    [
        ("RSI 54.2, trend  holds", "rsi 61,\ttrend holds ", True),
        ("close 1,234.5", "close 999", True),
        ("30m trend up", "4h trend up", False),
        ("趋势不变 RSI 54", "趋势不变 RSI 61.5", True),
        ("the trend holds", "the trend breaks", False),
        ("RSI is 54", "RSI is", False),
    ],
)
def test_reasons_are_the_same_but_for_case_spacing_and_numbers(one, other, same):
    assert (comparable(one) == comparable(other)) == same


def test_the_page_of_the_rules_names_every_key_with_its_true_default_and_shows_a_valid_example():
    page = (Path(__file__).parents[2] / "docs" / "rules.md").read_text(encoding="utf-8")
    rows = re.findall(r"^\| `(\w+)` \| .+ \|(.*) \|$", page, re.MULTILINE)
    thresholds = {key: float(value) for _, cell in rows for key, value in re.findall(r"`(\w+)` ([\d.]+)", cell)}
    assert dict.fromkeys((rule for rule, _ in rows), "warn") | thresholds == Checks().model_dump()
    [example] = re.findall(r"```json\n(.+?)```", page, re.DOTALL)
    assert settings_of(json.loads(f"{{{example}}}")).risk_management.checks.against_trend == "block"

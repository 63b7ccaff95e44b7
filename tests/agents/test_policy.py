"""The policy rule: facts in, call out, branch by branch; and the same over HTTP."""

import asyncio
import json
import urllib.error
import urllib.request

import pytest

from candlegraph.agents.models.policy import PolicyModel, policy_calls
from candlegraph.agents.models.policy_server import PolicyServer
from candlegraph.agents.models.providers import open_model
from candlegraph.graph.builder import graph
from candlegraph.graph.schema.errors import FactsError
from candlegraph.graph.schema.facts import (
    AccountFacts,
    ExperienceFacts,
    Facts,
    PositionFacts,
    render_facts,
)
from candlegraph.graph.schema.indicators import TimeframeFacts
from candlegraph.graph.settings.llm import LlmConfig
from candlegraph.graph.state import CandleInput
from candlegraph.tools.memory import MEMORY_TOOLS
from candlegraph.tools.signals import FLAT_TOOLS, POSITION_TOOLS, TERMINAL_TOOLS

ALL = {tool.name: tool for tool in (*TERMINAL_TOOLS, *MEMORY_TOOLS)}


@pytest.fixture(scope="module")
def policy_server():
    with PolicyServer() as one:
        yield one


def timeframe(sign=1, **changes):
    """Return an up-trend's timeframe, or with sign -1 its mirror image."""
    signed = {"ema_20_distance": 0.5, "ema_50_distance": 1, "ema_200_distance": 2, "ema_spread": 1.0}
    signed |= {"macd_histogram": 0.2, "momentum": 0.5}
    known = {
        "close": 100,
        "rsi": 50 + sign * 5,
        "adx": 30,
        "atr": 2,
        "mfi": 50,
        "obv_slope": 0,
        "bollinger_position": 0.5,
    } | {name: sign * value for name, value in signed.items()}
    return TimeframeFacts(**known | changes)


def market(sign=1, main=None, second=None, third=None, **changes):
    """Return facts in which the rule enters the side of `sign`, with some of them changed."""
    known = {
        "pair": "A/B",
        "price": 100,
        "regime": "trend_up" if sign > 0 else "trend_down",
        "trend_strength": "strong",
        "alignment": 3 * sign,
        "support": 95,
        "resistance": 110,
        "timeframes": {
            "30m": timeframe(sign, **main or {}),
            "1h": timeframe(sign, **second or {}),
            "4h": timeframe(sign, **third or {}),
            "1d": timeframe(sign),
        },
        "account": AccountFacts(
            equity=1000, free=1000, used=0, exposure=0, open_positions=0, slots=3, day_profit_pct=0, drawdown_pct=0
        ),
    }
    return Facts(**known | changes)


def held(side="long", **changes):
    known = {
        "side": side,
        "leverage": 5,
        "entry_price": 99,
        "stop": 97,
        "take_profit": None,
        "profit_pct": 1,
        "r_multiple": 0.3,
        "mfe_pct": 2,
        "mae_pct": -1,
        "age_candles": 4,
        "adds": 0,
        "reductions": 0,
        "recorded_decisions": 0,
        "give_back_pct": 0.0,
        "holds": 0,
    }
    return PositionFacts(**known | changes)


def calls(facts, bound=frozenset()):
    return policy_calls(render_facts(facts), bound)


def names(facts):
    return [name for name, _ in calls(facts)]


def past(side="long", cases=8, rate=0.2, high=-0.1, against=None):
    known = {f"{one}_{what}": None for one in ("long", "short") for what in ("success_rate", "mean_profit_pct")}
    said = {"cases": cases, "success_rate": rate, "mean_profit_pct": -4}
    said["within_pct"] = None if high is None else high + 4
    said["against"] = against
    return ExperienceFacts(
        **known | {"long_cases": 0, "short_cases": 0} | {f"{side}_{name}": one for name, one in said.items()}, ids="4 9"
    )


@pytest.mark.parametrize("sign, name, stop, target", [(1, "long", 95, 120), (-1, "short", 105, 80)])
def test_a_pull_back_in_an_agreeing_trend_is_entered(sign, name, stop, target):
    ((called, arguments),) = calls(market(sign))
    assert called == f"signal_entry_{name}"
    assert (arguments["stop_loss"], arguments["take_profit"], arguments["confidence_score"]) == (stop, target, 75)
    assert arguments["rsi_value"] == 50 + 5 * sign
    assert (arguments["key_support"], arguments["key_resistance"]) == (95, 110)


def test_a_moderate_trend_is_entered_with_less_confidence():
    assert calls(market(trend_strength="moderate"))[0][1]["confidence_score"] == 60


WAITS = {
    "no trend": {"regime": "range"},
    "a trend the other way": {"regime": "trend_down"},
    "a weak trend": {"trend_strength": "weak"},
    "a required indicator missing": {"missing": "4h.rsi"},
    "no support": {"support": None},
    "no resistance": {"resistance": None},
    "the main RSI too high": {"main": {"rsi": 68}},
    "the main RSI too low": {"main": {"rsi": 45}},
    "no RSI": {"main": {"rsi": None}},
    "below EMA 20": {"main": {"ema_20_distance": -0.1}},
    "on EMA 20": {"main": {"ema_20_distance": 0}},
    "too far above EMA 20": {"main": {"ema_20_distance": 1}},
    "no EMA 20": {"main": {"ema_20_distance": None}},
    "the second timeframe's MACD against it": {"second": {"macd_histogram": -0.1}},
    "no MACD": {"second": {"macd_histogram": None}},
    "the third timeframe's averages against it": {"third": {"ema_spread": -0.1}},
    "no averages": {"third": {"ema_spread": None}},
}


@pytest.mark.parametrize("why", WAITS)
def test_the_rule_waits_with(why):
    assert names(market(**WAITS[why])) == ["signal_wait"]


@pytest.mark.parametrize(
    "rsi, called",
    [(54.9, "signal_entry_short"), (55.1, "signal_wait"), (32.1, "signal_entry_short"), (31.9, "signal_wait")],
)
def test_the_rsi_band_is_mirrored_for_shorts(rsi, called):
    assert names(market(-1, main={"rsi": rsi})) == [called]


@pytest.mark.parametrize(
    "experience, called",
    [
        (past(), "signal_wait"),
        (past(rate=0.6), "signal_wait"),
        (past(rate=0.1, high=0.1), "signal_entry_long"),
        (past(cases=7), "signal_entry_long"),
        (past(side="short"), "signal_entry_long"),
        (past(high=None), "signal_entry_long"),
    ],
)
def test_eight_similar_trades_whose_mean_is_clearly_a_loss_speak_against_their_side(experience, called):
    ((name, arguments),) = calls(market(experience=experience))
    assert name == called
    if called == "signal_wait":
        assert arguments["reason"] == "8 similar past long trades made -4.00 % on average (cases 4 9)"
    else:
        told = f"{experience.long_cases} similar past long trades succeeded"
        assert (told in arguments["reason"]) == (experience.long_success_rate is not None)


@pytest.mark.parametrize(
    "against, share", [(None, 1), (0.2, 1), (1, 1), (2, 1 / 2), (3, 1 / 3), (4, 1 / 4), (50, 1 / 4)]
)
def test_the_more_a_pattern_speaks_against_a_side_the_fewer_markets_are_taken_but_never_fewer_than_a_fourth(
    against, share
):
    facts = [market(support=95 - n / 100, experience=past(high=None, against=against)) for n in range(400)]
    taken = [names(one) == ["signal_entry_long"] for one in facts]
    assert abs(sum(taken) / 400 - share) <= (0.08 if share < 1 else 0)
    assert [names(one) == ["signal_entry_long"] for one in facts] == taken  # the same market, the same answer


POSITIONS = [
    ("hold", "long", {}, {}, None),
    ("exit", "long", {}, {"alignment": -2, "regime": "trend_down"}, None),
    ("hold", "long", {}, {"alignment": -1, "regime": "range"}, None),
    ("exit", "short", {}, {"alignment": 2}, None),
    ("hold", "short", {}, {"alignment": 1, "regime": "range"}, None),
    ("exit", "long", {"mfe_pct": 6.1, "profit_pct": 3}, {}, None),
    ("hold", "long", {"mfe_pct": 6.1, "profit_pct": 3.1}, {}, None),
    ("hold", "long", {"mfe_pct": 6, "profit_pct": 1}, {}, None),
    ("adjust", "long", {"r_multiple": 1.5}, {}, -50),
    ("adjust", "short", {"r_multiple": 1.5}, {"alignment": 0}, -50),
    ("hold", "long", {"r_multiple": 1.5, "reductions": 1}, {}, None),
    ("hold", "long", {"r_multiple": 1.5}, {"support": None}, None),
    ("adjust", "long", {"r_multiple": 0.8}, {}, 40),
    ("hold", "long", {"r_multiple": 0.79}, {}, None),
    ("hold", "long", {"r_multiple": 0.8}, {"trend_strength": "moderate"}, None),
    ("hold", "long", {"r_multiple": 0.8, "adds": 1}, {}, None),
    ("hold", "long", {"r_multiple": 0.8, "reductions": 1}, {}, None),
    ("hold", "long", {"r_multiple": 0.8, "profit_pct": 0}, {}, None),
    ("hold", "long", {"r_multiple": None}, {}, None),
]


@pytest.mark.parametrize("expected, side, position, changes, adjustment", POSITIONS)
def test_what_the_rule_does_in_a_position(expected, side, position, changes, adjustment):
    ((name, arguments),) = calls(market(position=held(side, **position), **changes))
    assert name == {"hold": "signal_hold", "exit": "signal_exit", "adjust": "adjust_position"}[expected]
    assert arguments.get("adjustment_pct") == adjustment


@pytest.mark.parametrize("profit, recorded, expected", [(5, 0, 2), (4.9, 0, 1), (5, 1, 1)])
def test_a_winner_is_recorded_once_while_it_is_held(profit, recorded, expected):
    made = names(market(position=held(profit_pct=profit, mfe_pct=profit, recorded_decisions=recorded)))
    assert made == ["record_decision_to_rag", "signal_hold"][-expected:]


EVERY_CALL = [
    market(),
    market(-1),
    market(regime="range"),
    market(main={"rsi": None}),
    *[market(position=held(side, **position), **changes) for _, side, position, changes, _ in POSITIONS],
    market(position=held(profit_pct=9, mfe_pct=9)),
]


@pytest.mark.parametrize("facts", EVERY_CALL, ids=range(len(EVERY_CALL)))
def test_every_call_of_the_rule_fits_its_schema(facts):
    for name, arguments in calls(facts):
        ALL[name].args_schema.model_validate(arguments)


def test_only_bound_functions_are_called():
    winner = market(position=held(profit_pct=9, mfe_pct=9))
    assert [name for name, _ in calls(winner, frozenset({"signal_hold"}))] == ["signal_hold"]


def test_a_prompt_without_facts_is_refused():
    with pytest.raises(FactsError):
        PolicyModel().invoke("buy or sell?")


@pytest.mark.parametrize("facts", EVERY_CALL[::3], ids=range(len(EVERY_CALL[::3])))
def test_over_http_the_rule_calls_the_same(policy_server, facts):
    tools = [*(FLAT_TOOLS if facts.position is None else POSITION_TOOLS), *MEMORY_TOOLS]
    remote = open_model(LlmConfig(api_base=policy_server.url, model="candlegraph-policy", retry_times=0), {})
    answers = [
        model.bind_tools(tools).invoke([("system", "s"), ("human", render_facts(facts))])
        for model in (remote, PolicyModel())
    ]
    over_http, in_process = ([(c["name"], c["args"]) for c in answer.tool_calls] for answer in answers)
    assert over_http == in_process != []


def test_over_http_the_graph_decides_the_same(policy_server, make_context, make_snapshot):
    async def signals(context, snapshots):
        values = [await graph.ainvoke(CandleInput(snapshot=one), context=context) for one in snapshots]
        return [value["signal"] for value in values]

    snapshots = [make_snapshot(), make_snapshot("long"), make_snapshot("short", profit_pct=7, mfe_pct=8)]
    llm = {"api_base": policy_server.url, "model": "candlegraph-policy", "retry_times": 0}
    remote = asyncio.run(signals(make_context(llm_config=llm), snapshots))
    local = asyncio.run(signals(make_context(), snapshots))
    assert remote == local
    assert [signal.source for signal in local] == ["model"] * 3


@pytest.mark.parametrize(
    "path, body, status",
    [
        ("/v1/chat/completions", {"messages": [{"role": "user", "content": "hi"}]}, 400),
        ("/v1/chat/completions", None, 400),
        ("/v1/completions", {}, 404),
    ],
)
def test_the_policy_server_names_what_is_wrong(policy_server, path, body, status):
    data = b"not json" if body is None else json.dumps(body).encode()
    request = urllib.request.Request(policy_server.url.removesuffix("/v1") + path, data)
    with pytest.raises(urllib.error.HTTPError) as caught:
        urllib.request.urlopen(request, timeout=5)
    assert caught.value.code == status
    assert json.load(caught.value)["error"]["message"]


def test_the_policy_server_lists_its_model(policy_server):
    with urllib.request.urlopen(f"{policy_server.url}/models", timeout=5) as answer:
        assert json.load(answer)["data"][0]["id"] == "candlegraph-policy"

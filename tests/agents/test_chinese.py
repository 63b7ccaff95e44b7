"""With `language: zh` a model reads Chinese: what is left in Latin letters are keys, names, units and quoted words."""

import ast
import json
import re
from datetime import timedelta
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from langchain_core.messages import AIMessage, HumanMessage, SystemMessage
from langchain_core.utils.function_calling import convert_to_openai_tool
from lived import lived as past_trade
from replayed import replayed, track_of

import candlegraph.agents.reviewer
from candlegraph.agents.asking.faults import cut_off
from candlegraph.agents.asking.transcript import ALL_TOOLS, allowed_tools
from candlegraph.agents.critic import ReviewEntry, objection
from candlegraph.agents.debate import MakeCase, StateView
from candlegraph.agents.models.json_calls import as_text
from candlegraph.agents.prompt.briefing import brief_of
from candlegraph.agents.prompt.chinese.functions import CHINESE, offered
from candlegraph.agents.prompt.chinese.said import said
from candlegraph.agents.prompt.closed_trade import trade_text
from candlegraph.agents.prompt.opinions import opinions_text
from candlegraph.agents.reflector import TradeReport
from candlegraph.graph.schema.calls import CallRecord
from candlegraph.graph.schema.experience import Held, PartialExit, RecordedDecision
from candlegraph.graph.schema.fate import LastCall, Refusal
from candlegraph.graph.schema.lessons import Advice, Case, Guidance, Lessons, Pattern, SelfScores, Similar
from candlegraph.graph.schema.market import Sentiment
from candlegraph.graph.schema.opinions import AnalystView, Argument, Critique
from candlegraph.graph.schema.signal import Proposal
from candlegraph.graph.settings.risk import Checks
from candlegraph.graph.settings.settings import settings_of
from candlegraph.graph.state import CandleState
from candlegraph.memory.counterfactual.outcomes import table_of
from candlegraph.memory.counterfactual.trades import complete_at
from candlegraph.memory.learning.comparison import compare, market_state_of
from candlegraph.memory.learning.report import experience_of, experience_of_decision, experience_of_part
from candlegraph.memory.learning.scores import evaluate
from candlegraph.tools.market.facts import facts_of
from candlegraph.tools.market.indicators import FACTS
from candlegraph.tools.risk.checks import Subject, findings
from candlegraph.tools.risk.claims import false_claims
from candlegraph.tools.risk.gate import too_small
from candlegraph.tools.risk.possible import closed_lines, possible_of

PAIR = "BTC/USDT:USDT"
ROOT = Path(candlegraph.agents.reviewer.__file__).parents[1]
SETTINGS = settings_of({"context_config": {"language": "zh", "max_context_tokens": 20_000}})
WORD = re.compile(r"[A-Za-z][A-Za-z_.]*[A-Za-z]")
UNITS = {"ATR", "RSI", "EMA", "MACD", "UTC", "USDT", "BTC", "JSON", "null"}
NAMES = {*FACTS, *CallRecord.model_fields, "ema", "close", "volume", "alignment", "regime", "freqtrade", "Freqtrade"}
BLOCKS = {"facts", "sentiment", "account", "position", "timeframes", "history", "cases", "opinions", "entry"}
ENTRY_KEYS = {
    "action",
    "leverage",
    "stake",
    "stop",
    "confidence",
    "reason",
    "warning",
    "none",
    "pair",
    "compress",
    "shrink",
    "pause",
}
RULES = {name for name in Checks.model_fields}
ALLOWED = UNITS | NAMES | BLOCKS | ENTRY_KEYS | RULES


def english(text):
    """Return the English words of a text: none of a quotation, a key with `_` or `.`, or a name."""
    bare = re.sub(r"\"[^\"]*\"|'[^']*'", "", text)
    return [one for one in WORD.findall(bare) if not re.search(r"[_.]", one) and one not in ALLOWED]


def outside_facts(text):
    """Return a prompt without its facts block, but with what stands there in words."""
    block = re.search(r"<facts>\n(.*?)\n</facts>", text, re.DOTALL)
    worded = [
        line.partition(": ")[2] for line in block[1].splitlines() if line.startswith(("closed.", "account.halted"))
    ]
    return "\n".join([*(one for one in worded if one != "none"), text[: block.start()], text[block.end() :]])


def state_of(snapshot, lessons=None):
    config, rules = SETTINGS.context_config, SETTINGS.risk_management
    possible = possible_of(snapshot, rules)
    facts = facts_of(snapshot, config.timeframes, config.required_indicators, closed_lines(possible, snapshot))
    return CandleState(snapshot=snapshot, facts=facts, possible=possible, lessons=lessons)


def prompt(snapshot, lessons=None):
    state = state_of(snapshot, lessons)
    return "\n".join(str(one.content) for one in brief_of(state, SETTINGS, allowed_tools(state)).messages)


REFUSED = ("gate", "exchange_minimum", "slot", "wallet", "lock", "halted", "late", "person")
CALL = CallRecord(role="analyst", model="m")
PATTERN = {
    "side": "long", "regime": "trend_up", "trend_strength": "strong", "rsi": "45-55", "volatility": "wild",
    "leverage": None, "trades": 15, "observations": 14, "wins": 3, "losses": 12, "successes": 2, "win_rate": 0.2,
    "win_rate_low": 0.1, "win_rate_high": 0.4, "mean_r": -0.4, "mean_reward": -0.1, "reward_low": -0.2,
    "reward_high": 0.1, "verdict": "warned", "favour": 0.1, "against": 4.2,
}  # fmt: skip
ADVICE = {name: PATTERN[name] for name in ("side", "regime", "trend_strength", "rsi", "volatility")}
CASE = {
    "id": 12, "kind": "trade", "pair": PAIR, "side": "short", "similarity": 0.8, "profit_pct": -3.4, "score": 41.6,
    "grade": "F", "entry_price": 1.0, "duration_minutes": 90, "lesson": "等待确认", "regime": "range", "best_pct": 1.0,
    "worst_pct": -4.0, "exit_reason": "stop_loss", "trend_strength": "weak",
}  # fmt: skip


def learnt():
    """Return lessons with every kind of line."""
    patterns = tuple(
        Pattern(**PATTERN | {"regime": regime, "trend_strength": strength, "verdict": verdict})
        for regime, strength, verdict in (("trend_up", "strong", "warned"), ("range", "weak", "open"))
    )
    advice = tuple(
        Advice(**ADVICE, kind=kind, value=2, trades=30, gain_atr=0.4) for kind in ("stop", "target", "later", "time")
    )
    guidance = Guidance(
        trades=36, needed=10, level=0.8, patterns=patterns, advice=advice, cumulative_reward=-0.5, recent_trend=0.1
    )
    scores = SelfScores(trades=20, bias=14, rank_correlation=0.4)
    similar = Similar(trades=5, won=2, is_loss_forced=True)
    return Lessons(cases=(Case(**CASE),), guidance=guidance, similar=similar, self_scores=scores)


def lived(snapshot, as_of_facts, checks=None):
    """Return what has changed and what rules warned of, as the bridge writes it for a position."""
    then, now = (market_state_of(one, None, "") for one in as_of_facts)
    found = compare(then, now)
    hold = Proposal(action="hold", confidence=60, reason="x")
    subject = Subject(proposal=hold, snapshot=snapshot, facts=as_of_facts[1])
    warned = findings(subject, checks or Checks(no_progress_candles=1, no_progress_r=100, erosion_share=0.01))
    return {
        "since_entry": found.lines,
        "indicators_since_entry": found.indicators,
        "past_warnings": tuple(f"{one.rule}: {one.why}" for one in warned),
    }


@settings(max_examples=15, deadline=None)
@given(data=st.data())
def test_a_prompt_is_chinese_but_for_keys_names_and_quotations(make_snapshot, as_of, data):
    side = data.draw(st.sampled_from([None, "long", "short"]))
    hours = data.draw(st.integers(0, 24 * 30))
    snapshot = make_snapshot(side, as_of=as_of - timedelta(hours=hours))
    refusal = Refusal(door=data.draw(st.sampled_from(REFUSED)), key="min_confidence", why="confidence 1 is below 2")
    last = LastCall(function="signal_exit", kind="refused", refusal=refusal, candles_ago=2, times=2, first_ago=3)
    unknown = Sentiment(unavailable={"funding_rate": "timed out"})
    changes = {"last_call": last, "sentiment": unknown, "candles_since_loss": 3}
    if side:
        then = facts_of(make_snapshot(as_of=as_of - timedelta(hours=hours + 72)), (), ())
        position = snapshot.position.model_copy(update={"profit_pct": 1.0, "mfe_pct": 9.0, "age_candles": 60})
        snapshot = snapshot.model_copy(update={"position": position})
        told = lived(snapshot, (then, facts_of(snapshot, (), ())))
        changes["position"] = position.model_copy(update=told | {"deepest_give_back_pct": 8.0})
    else:
        halted = data.draw(
            st.sampled_from(
                [None, "emergency stop at 2025-03-01 00:00 UTC: equity 8.50 was 15.00 % below its peak 10.00"]
            )
        )
        account = snapshot.account.model_copy(update={"halted": halted, "open_positions": data.draw(st.integers(0, 9))})
        changes["account"] = account
    assert english(outside_facts(prompt(snapshot.model_copy(update=changes), learnt()))) == []


def test_what_other_models_said_and_the_entry_that_is_reviewed_are_told_in_chinese(make_snapshot):
    view = AnalystView(
        bias="bullish", regime="x", key_support=1, key_resistance=2, conflicts="x", would_change_mind="x", call=CALL
    )
    case = Argument(strength=60, points=("x",), risk="x", call=CALL)
    state = CandleState(snapshot=make_snapshot(), view=view, bull=case, bear=case)
    assert english(opinions_text(state, "zh")) == []
    critique = Critique(verdict="send_back", reason="no", call=CALL)
    assert english(objection(critique, "zh").content) == []


def sentences():
    """Yield what the code can say to a model: refusals, fates, faults, findings; 1 stands for what is filled in."""
    folders = ("tools/risk", "freqtrade_bridge/decisions", "freqtrade_bridge/trades", "freqtrade_bridge/feeds")
    files = [path for folder in folders for path in sorted((ROOT / folder).glob("*.py"))]
    files += [ROOT / one for one in ("agents/approval.py", "agents/asking/faults.py", "agents/asking/transcript.py")]
    for path in files:
        if path.name == "claims.py":  # put together of many parts
            continue
        for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
            yield from (text for text in said_in(node, path.name) if " " in text)


PARTS = {
    "1 at 1",
    "1 is below the minimum 1",
    "the addition of 1",
    "the largest entry, 1 with leverage,",
    "Keep the reason short.",
    "Think less and keep the reason short.",
    "Your answer was cut off before the call was complete. 1 Call exactly one of: 1.",
}
"""Parts of sentences, which other tests put together."""
FOR_PEOPLE = {
    "1: 1, past the risk gate; the next loop reduces it to what the limits allow",
    "1 1: raise it, or let the model think less (llm_config.options, see docs/models.md)",
    "no stop given",
    "stop 1 is not on the losing side of 1",
    "target 1 is not on the winning side of 1",
}
"""Advice and clamps: no model reads them."""
SAYERS = {"Refusal", "refused_by", "too_small", "Fate", "Fault", "_end", "_lapse"}
CHECKING = {"checks.py"}


def said_in(node, file):
    """Yield the texts of a call that says something, of a variable that holds one, and what a rule returns."""
    if isinstance(node, ast.Call) and getattr(node.func, "id", getattr(node.func, "attr", "")) in SAYERS:
        given = [*node.args, *(one.value for one in node.keywords if one.arg == "why")]
    elif isinstance(node, ast.Assign) and getattr(node.targets[0], "id", "") in (
        "why",
        "beyond",
        "below",
        "NO_ORDER",
        "FAILED",
    ):
        given = [node.value]
    elif isinstance(node, ast.Return) and file in CHECKING:
        given = [node.value]
    else:
        return
    yield from (text for one in given for text in filled(one))


def filled(node):
    """Yield a text as it could be said; a number stands for what is filled in."""
    if isinstance(node, ast.Constant) and isinstance(node.value, str):
        yield node.value
    elif isinstance(node, ast.JoinedStr):
        yield "".join(one.value if isinstance(one, ast.Constant) else "1" for one in node.values)
    elif isinstance(node, ast.IfExp):
        yield from (text for one in (node.body, node.orelse) for text in filled(one))


def test_every_sentence_of_the_code_that_a_model_may_read_has_its_chinese():
    known = sorted(set(sentences()) - PARTS - FOR_PEOPLE)
    assert len(known) > 45
    assert [one for one in known if english(said(one, "zh"))] == []


@pytest.mark.parametrize("thoughts", [{}, {"reasoning_content": "hm"}])
def test_an_answer_that_was_cut_off_is_told_so_in_chinese(thoughts):
    told = cut_off(AIMessage("", additional_kwargs=thoughts), 16, {"signal_wait"}).message
    assert english(said(told, "zh")) == []


def test_orders_that_are_too_small_are_told_so_in_chinese():
    for what in ("stake 3.2", "the addition of 3.2", "the largest entry, 3.2 with leverage,"):
        assert english(said(too_small("free", what, 5).line, "zh")) == ["free"]


def test_claims_are_told_in_chinese(make_snapshot):
    price = make_snapshot().price
    stated = {"rsi_value": 1, "key_support": price * 2, "key_resistance": price / 2, "trend_strength": "weak"}
    told = false_claims(stated, make_snapshot())
    assert len(told) >= 3 and all(english(said(f"claims: {one}", "zh")) == [] for one in told)


def test_what_comes_from_outside_stays_as_it_is():
    outside = "Insufficient funds; try later, or never: so it is"
    assert said(outside, "zh") == outside


def test_every_function_is_described_in_chinese_and_called_the_same():
    schemas = [*ALL_TOOLS, StateView, MakeCase, ReviewEntry, TradeReport]
    for one, told in zip(schemas, offered(schemas, "zh"), strict=True):
        plain = convert_to_openai_tool(one)
        assert stripped(told) == stripped(plain)
        assert [text for text in descriptions(told) if english(text)] == []
    spoken = {text for one in schemas for text in descriptions(convert_to_openai_tool(one))}
    assert spoken == set(CHINESE)


def descriptions(schema):
    if isinstance(schema, dict):
        own = [schema["description"]] if isinstance(schema.get("description"), str) else []
        return own + [text for one in schema.values() for text in descriptions(one)]
    return [text for one in schema for text in descriptions(one)] if isinstance(schema, list) else []


def stripped(schema):
    """Return a schema without what is said in it."""
    if isinstance(schema, dict):
        return {name: stripped(one) for name, one in schema.items() if name != "description" or isinstance(one, dict)}
    return [stripped(one) for one in schema] if isinstance(schema, list) else schema


def test_a_faulty_answer_is_sent_back_in_chinese(decide, calling, right):
    answers = [AIMessage("so be it"), calling(("signal_wait", {"pair": 1})), calling(right("signal_wait"))]
    state, _ = decide(*answers, context_config={"language": "zh"})
    told = [one.content for one in state.messages if one.additional_kwargs.get("repair")]
    assert len(told) == 2 and all(english(one) == [] for one in told)


def test_what_the_memory_counts_is_answered_in_chinese(decide, calling, right):
    answers = [calling(("query_rag_stats", {})), calling(right("signal_wait"))]
    state, _ = decide(*answers, context_config={"language": "zh"})
    told = json.loads(next(one.content for one in state.messages if one.type == "tool"))
    assert told["经验总数"] == told["奖励统计"]["交易总数"] == 0
    assert english(" ".join([*told, *told["奖励统计"], *told["索引"]])) == []


def test_the_order_to_answer_with_json_is_chinese():
    system, _ = as_text([SystemMessage("一"), HumanMessage("二")], [], "zh")
    assert english(system.content.replace('{"name": "<function>", "arguments": {...}}', "")) == []


def test_each_role_of_a_chinese_bot_orders_in_chinese(make_context):
    (rung,) = make_context(context_config={"language": "zh"}).models.of("decision").ladder.rungs
    assert rung.language == "zh"


@pytest.mark.parametrize("profit", [-6.0, 6.0])
@pytest.mark.parametrize("reason", ["exit_signal", "roi"])
def test_a_closed_trade_is_reviewed_and_learnt_from_in_chinese(make_snapshot, profit, reason):
    trade = past_trade(make_snapshot(), 1, profit, planned_stop=None, exit_reason=reason).source
    track = track_of(trade, decisions=3, warnings=("erosion: 0.5 of the best profit 9 % was given back",))
    for table in (None, table_of(replayed(trade, rise=0.2), complete_at(trade))):
        told = trade_text(trade, track, evaluate(trade), table, "zh")
        assert english(re.sub("</?trade>", "", told)) == []
    learnt = experience_of(trade, track, None, None, "zh")
    assert english(" ".join([learnt.lesson, *learnt.strengths, *learnt.weaknesses])) == []


def test_what_is_learnt_while_a_trade_is_open_is_chinese(make_snapshot):
    trade = past_trade(make_snapshot(), 1).source.model_dump()
    held = {name: trade[name] for name in Held.model_fields if name in trade}
    part = PartialExit(
        **held | {"kind": "lesson", "share": 0.5, "profit_pct": 3, "exit_price": 1, "reason": "x", "key": "k"}
    )
    taken = {"kind": "decision", "decision_type": "hold", "reason": "趋势仍在", "confidence": 0.7, "key": "k"}
    decision = RecordedDecision(**held | taken | {"current_profit_pct": 5})
    assert english(experience_of_part(part, "zh").lesson) == []
    assert english(experience_of_decision(decision, "zh").lesson) == []

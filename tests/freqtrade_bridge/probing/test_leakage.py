"""`candlegraph leakage`: a model that knows pair and month is exposed by disguise, an honest one is not."""

import json
import random
from datetime import timedelta
from math import sin

import pytest
import script

from candlegraph.agents.analyst import seen
from candlegraph.freqtrade_bridge.commands.main import main
from candlegraph.freqtrade_bridge.decisions.records import Records, decision_row
from candlegraph.freqtrade_bridge.decisions.runner import RunOutcome
from candlegraph.freqtrade_bridge.leakage.masking import bare, masked
from candlegraph.freqtrade_bridge.scenarios.pictured import pictured, remembered
from candlegraph.freqtrade_bridge.scenarios.written import packaged
from candlegraph.graph.context import Context
from candlegraph.graph.schema.facts import parse_facts
from candlegraph.graph.schema.market import LastCall, Reading, Sentiment
from candlegraph.graph.schema.signal import stay
from candlegraph.graph.state import CandleState
from candlegraph.tools.market.facts import facts_of
from candlegraph.tools.market.situation import situation_of

BTC = "BTC/USDT:USDT"
WRITTEN = {one.name: one for one in packaged()}
RISE, HELD = "pull-back to EMA 20, all trends up", "a winner in a strong trend, nothing added yet"
LENGTH, COUNT = timedelta(minutes=30), 90
GUESS = {"coin": "BTC", "month": "2025-01"}


@pytest.fixture(scope="module")
def prices():
    """Return closes that rise and fall alike, no two the same."""
    dice = random.Random(5)
    return [round(60_000 + 3_000 * sin(number / 7) + dice.uniform(-400, 400), 1) for number in range(COUNT)]


@pytest.fixture
def recorded(tmp_path, prices):
    """Write down a run that waited over a market whose every candle looks the same but for its price."""
    context = Context(namespace="backtest:walk", user_data_dir=str(tmp_path))
    rows, states = [], {}
    for number, price in enumerate(prices):
        one = pictured(WRITTEN[RISE].model_copy(update={"price": price}))
        later = {"candle": one.candle + number * LENGTH, "as_of": one.as_of + number * LENGTH}
        snapshot = one.model_copy(update={"pair": BTC, **later})
        state = CandleState(**seen(snapshot, context, "fast"), lessons=remembered(WRITTEN[RISE]))
        outcome = RunOutcome(state=state, latency_ms=1.0)
        row = decision_row(context, snapshot, outcome, stay(snapshot, "calm", "model"), snapshot.as_of)
        rows.append(row.model_copy(update={"calls": 1}))
        states[row.decision_id] = state
    Records(context).decisions(rows, states)
    return tmp_path


def served(server, decide):
    """Let the endpoint decide by the facts, and guess the month where it is asked for it."""

    def answer(path, body):
        prompt = str(body["messages"][-1]["content"])
        if "NameOrigin" in str(body["tools"]):
            return {"tools": [("NameOrigin", GUESS)]}
        return {"tools": [decide(parse_facts(prompt))]}

    server.script = [answer]
    return server


def asked(userdir, server, capsys, tmp_path):
    config = tmp_path / "config.json"
    config.write_text(json.dumps({"llm_config": {"api_base": server.url, "model": "m"}}))
    words = ["leakage", "--userdir", str(userdir), "-c", str(config), "--decisions", "30"]
    assert main([*words, "--json"]) == 0
    return json.loads(capsys.readouterr().out)


def test_a_model_that_knows_pair_and_month_is_exposed(recorded, server, prices, capsys, tmp_path):
    """It knows what this pair did after each of its prices, as one that has read them does."""

    def clairvoyant(facts):
        if not facts.pair.startswith("BTC") or facts.price not in prices:
            return script.enter(facts, "long", stake=None, leverage=2.0)
        at = prices.index(facts.price)
        rises = prices[min(at + 24, COUNT - 1)] > facts.price
        return script.enter(facts, "long" if rises else "short", stake=None, leverage=2.0)

    found = asked(recorded, served(server, clairvoyant), capsys, tmp_path)
    assert found["judgement"] == "knowledge shown"
    assert found["interval"][0] > 0 and found["right"]["only_second"] == 0
    assert found["plain"] > 0 and found["decisions"] == 30
    assert found["named_month"]["count"] == found["named_month"]["of"] == 30


def test_an_honest_model_is_not(recorded, server, capsys, tmp_path):
    found = asked(
        recorded, served(server, lambda facts: script.enter(facts, stake=None, leverage=2.0)), capsys, tmp_path
    )
    assert found["judgement"] == "no knowledge shown" and found["same"]["count"] == 30
    assert found["difference"] == 0 and found["right"]["p"] == 1


def test_a_disguise_keeps_every_ratio_and_tells_neither_name_nor_level_nor_date():
    config = Context().settings.context_config
    for name in (RISE, HELD):
        one = pictured(WRITTEN[name].model_copy(update={"price": 61_234.5})).model_copy(update={"pair": BTC})
        oi = Reading(value=4e9, at=one.as_of, source="x")
        last = LastCall(function="signal_exit", kind="filled", price=61_000.0, candles_ago=3)
        one = one.model_copy(update={"sentiment": Sentiment(open_interest=oi), "last_call": last})
        hidden = masked(one)
        plain, disguised = (facts_of(each, config.timeframes, config.required_indicators) for each in (one, hidden))
        assert situation_of(disguised) == pytest.approx(situation_of(plain))
        assert plain.position is None or disguised.position.r_multiple == pytest.approx(plain.position.r_multiple)
        told = hidden.model_dump_json()
        assert hidden.price == 100 and "BTC" not in told and "2025" not in told and "61" not in f"{hidden.price}"
        assert hidden.sentiment.open_interest is None and hidden.last_call is None
        assert bare(one).last_call is None and bare(one).price == one.price


def test_too_short_a_run_and_a_model_without_an_answer_are_told(tmp_path, recorded, capsys, server):
    server.script = [{"text": "I cannot"}]
    config = tmp_path / "config.json"
    config.write_text(json.dumps({"llm_config": {"api_base": server.url, "model": "m"}}))
    words = ["leakage", "--userdir", str(recorded), "--decisions", "1"]
    assert main([*words, "-c", str(config)]) == 1
    assert "m gave no valid answer" in capsys.readouterr().err
    assert main([*words, "--model", "policy", "walk"]) == 0
    assert "1 decisions, policy is asked 4 times" in capsys.readouterr().out

"""No dead key in `llm_config`: for every key a run over real HTTP that shows its effect."""

import json
import re
import socket
import threading
from datetime import timedelta
from pathlib import Path

import pytest

from candlegraph.freqtrade_bridge.decisions.runner import Runner
from candlegraph.graph.schema.errors import ModelError, ReplayMiss
from candlegraph.graph.settings.block import Block
from candlegraph.graph.settings.llm import LlmConfig, ModelOverride, TokenPrice

WAIT = "signal_wait"
SHOWN = set()
TESTS = Path(__file__).parents[1]
ELSEWHERE = {
    "decision.deadline_seconds": ("e2e/test_model_outage.py", "test_a_model_that_hangs_costs_a_candle_its_deadline"),
    "pause_entries_after": ("e2e/test_model_outage.py", "test_entries_pause_after_failed_candles_until_one_has"),
    "breaker.failures": ("e2e/test_model_outage.py", "test_an_endpoint_that_keeps_failing_is_left_alone"),
    "breaker.cooldown_seconds": ("e2e/test_model_outage.py", "test_after_the_cooldown_one_call_tries_again"),
    "knowledge_cutoff": (
        "freqtrade_bridge/report/test_report_command.py",
        "test_what_was_made_before_the_models_cutoff_stands_apart",
    ),
    "on_failure": ("e2e/test_endpoint_backtest.py", "test_a_backtest_that_is_to_wait_goes_on_and_counts_what_failed"),
    "prices.input": ("e2e/test_budget.py", "test_money_is_counted_by_the_price_table"),
    "prices.output": ("e2e/test_budget.py", "test_money_is_counted_by_the_price_table"),
    "prices.cached_input": ("e2e/test_budget.py", "test_money_is_counted_by_the_price_table"),
    "budget.run_cost": ("e2e/test_budget.py", "test_a_limit_first_makes_the_depth_fast_and_then_asks_no_model"),
    "budget.daily_cost": ("e2e/test_budget.py", "test_a_limit_first_makes_the_depth_fast_and_then_asks_no_model"),
    "budget.monthly_cost": ("e2e/test_budget.py", "test_a_limit_first_makes_the_depth_fast_and_then_asks_no_model"),
    "budget.daily_tokens": ("e2e/test_budget.py", "test_a_limit_first_makes_the_depth_fast_and_then_asks_no_model"),
    "budget.degrade_at": ("e2e/test_budget.py", "test_the_share_at_which_the_depth_becomes_fast"),
}
"""Keys whose effect takes a bot or a backtest to see."""


def shows(*keys):
    """Say which keys a test shows the effect of."""
    SHOWN.update(keys)
    return lambda test: test


def keys_of(block, prefix=""):
    found = set()
    for name in type(block).model_fields:
        value = getattr(block, name)
        found |= keys_of(value, f"{prefix}{name}.") if isinstance(value, Block) else {f"{prefix}{name}"}
    return found


def test_every_key_has_a_test_that_shows_its_effect():
    keys = keys_of(LlmConfig()) - {"fallbacks", "roles", "prices"}
    keys |= {f"fallbacks.{name}" for name in ModelOverride.model_fields} | {"roles"}
    keys |= {f"prices.{name}" for name in TokenPrice.model_fields}
    assert SHOWN | set(ELSEWHERE) == keys


@pytest.mark.parametrize("key", ELSEWHERE)
def test_what_is_shown_elsewhere_is_there(key):
    file, name = ELSEWHERE[key]
    assert f"def {name}" in (TESTS / file).read_text()


@pytest.fixture
def asked(server, run, make_context, make_snapshot, right):
    """Return what a decision sent: `asked(script..., key=value)` gives (path, headers, body) of each request."""

    def go(*script, side=None, **llm):
        server.script = list(script) or [{"tools": [right(WAIT)]}]
        before = len(server.seen)
        state = run(
            make_context(llm_config={"api_base": server.url, "model": "m", "retry_times": 0} | llm), make_snapshot(side)
        )
        return server.seen[before:], state

    return go


def body_of(found):
    requests, _ = found
    return requests[0][2]


@shows("api_base", "model")
def test_the_named_model_of_the_named_endpoint_is_asked(asked):
    requests, state = asked(model="other")
    assert len(requests) == 1
    assert requests[0][2]["model"] == "other"
    assert state.signal.source == "model"


@shows("provider")
def test_the_provider_decides_the_protocol(asked, server):
    assert asked()[0][0][0] == "/v1/chat/completions"
    with pytest.raises(ModelError):
        asked({"status": 500}, provider="ollama", api_base=server.url.removesuffix("/v1"))
    assert server.seen[-1][0] == "/api/chat"


@shows("api_key", "api_key_env")
def test_the_key_that_is_named_is_sent(asked, monkeypatch):
    monkeypatch.setenv("CANDLEGRAPH_API_KEY", "from-env")
    monkeypatch.setenv("MY_KEY", "from-mine")
    sent = [asked(**llm)[0][0][1]["authorization"] for llm in ({}, {"api_key": "literal"}, {"api_key_env": "MY_KEY"})]
    assert sent == ["Bearer from-env", "Bearer literal", "Bearer from-mine"]


@shows("temperature", "max_tokens", "options")
def test_parameters_are_in_the_request(asked):
    body = body_of(asked(temperature=0.125, max_tokens=77, options={"top_k": 5}))
    assert (body["temperature"], body["max_completion_tokens"], body["top_k"]) == (0.125, 77, 5)
    assert "top_k" not in body_of(asked())


@shows("timeout")
def test_an_attempt_ends_with_its_timeout(asked, right):
    slow = {"sleep": 0.6, "tools": [right(WAIT)]}
    assert asked(slow, timeout=5)[1].signal.source == "model"
    with pytest.raises(ModelError, match=r"no answer within 0\.2 s"):
        asked(slow, timeout=0.2)


@shows("retry_times")
@pytest.mark.parametrize("times", [0, 1])
def test_a_failure_is_tried_again_as_often_as_allowed(asked, server, times):
    with pytest.raises(ModelError):
        asked({"status": 500, "headers": {"retry-after-ms": "1"}}, retry_times=times)
    assert len(server.seen) == times + 1


@shows("tool_mode")
def test_the_tool_mode_decides_how_functions_are_called(asked, right):
    name, arguments = right(WAIT)
    assert "tools" in body_of(asked(tool_mode="native"))
    text = json.dumps({"name": name, "arguments": arguments})
    requests, state = asked({"text": text}, tool_mode="json_schema")
    assert "tools" not in requests[0][2] and requests[0][2]["response_format"]["type"] == "json_schema"
    assert state.signal.source == "model"
    requests, state = asked({"text": "no"}, {"text": f"So: {text}"}, tool_mode="auto")
    assert ["tools" in body for _, _, body in requests] == [True, False]
    assert state.signal.source == "model"


FALLBACK = {
    "model": ({"model": "second"}, lambda body, headers: body["model"] == "second"),
    "temperature": ({"temperature": 0.25}, lambda body, headers: body["temperature"] == 0.25),
    "max_tokens": ({"max_tokens": 99}, lambda body, headers: body["max_completion_tokens"] == 99),
    "options": ({"options": {"seed": 4}}, lambda body, headers: body.get("seed") == 4),
    "api_key": ({"api_key": "k2"}, lambda body, headers: headers["authorization"] == "Bearer k2"),
    "api_key_env": ({"api_key_env": "MY_KEY"}, lambda body, headers: headers["authorization"] == "Bearer mine"),
    "tool_mode": ({"tool_mode": "json_schema"}, lambda body, headers: "response_format" in body),
}


@shows(*(f"fallbacks.{name}" for name in FALLBACK))
@pytest.mark.parametrize("name", FALLBACK)
def test_a_fallback_is_asked_with_what_it_names(name, asked, right, monkeypatch):
    monkeypatch.setenv("MY_KEY", "mine")
    override, is_so = FALLBACK[name]
    down = {"status": 500}
    requests, _ = asked(down, {"tools": [right(WAIT)]}, api_key="k1", fallbacks=[override])
    assert [is_so(body, headers) for _, headers, body in requests[:2]] == [False, True]


@shows("fallbacks.api_base", "fallbacks.provider")
def test_a_fallback_elsewhere_is_asked_there_and_does_not_get_the_key(asked, server):
    with socket.socket() as unused:
        unused.bind(("127.0.0.1", 0))
        nobody = f"http://127.0.0.1:{unused.getsockname()[1]}/v1"
        requests, state = asked(api_base=nobody, api_key="k1", fallbacks=[{"api_base": server.url}])
        assert state.signal.source == "model"
        assert "k1" not in requests[0][1]["authorization"]
        _, state = asked(api_base=nobody, fallbacks=[{"provider": "policy", "model": "policy"}])
        assert state.signal.source == "model"


@shows("fallbacks.timeout", "fallbacks.retry_times")
def test_a_fallback_has_its_own_patience(asked, server):
    slow = {"sleep": 0.4, "status": 500, "headers": {"retry-after-ms": "1"}}
    with pytest.raises(ModelError) as caught:
        asked(slow, timeout=5, fallbacks=[{"timeout": 0.1, "retry_times": 1}])
    assert [bool(re.search(r"within 0\.1 s", one.error)) for one in caught.value.tries] == [False, True, True]


@shows("depth", "roles")
def test_depth_says_which_roles_are_asked_and_roles_which_models(asked, right):
    policy = {"provider": "policy", "model": "policy"}
    roles = {"analyst": policy, "bear": policy, "reviewer": policy, "bull": {"model": "bullish"}}
    assert [body["model"] for _, _, body in asked(depth="fast", roles=roles)[0]] == ["m"]
    with pytest.raises(ModelError, match="bull"):
        asked({"text": "no view"}, depth="deep", roles=roles, tool_mode="native")


@shows("mode", "cassette")
def test_what_was_recorded_into_the_named_file_is_replayed_from_it(asked, tmp_path):
    named = tmp_path / "elsewhere" / "answers.sqlite"
    requests, first = asked(mode="record", cassette=str(named))
    assert len(requests) == 1 and named.exists()
    requests, again = asked(mode="replay", cassette=str(named))
    assert requests == [] and again.signal == first.signal
    with pytest.raises(ReplayMiss):
        asked(mode="replay", cassette=str(named), temperature=0.1)


@shows("prompts_dir", "own_prompts")
def test_an_own_prompt_is_sent_and_is_another_request_to_a_cassette(asked, tmp_path):
    (tmp_path / "decision.en.md").write_text("From a file.")
    kept = {"cassette": str(tmp_path / "answers.sqlite"), "prompts_dir": str(tmp_path)}
    assert body_of(asked(mode="record", **kept))["messages"][0]["content"] == "From a file."
    assert asked(mode="replay", **kept)[0] == []
    with pytest.raises(ReplayMiss, match="prompt_version"):
        asked(mode="replay", own_prompts={"decision": "From the configuration."}, cassette=kept["cassette"])
    own = {"decision.en": "From the configuration."}
    assert body_of(asked(own_prompts=own, **kept))["messages"][0]["content"] == "From the configuration."


@shows("prompt")
def test_a_compact_prompt_is_short(asked):
    def length(size):
        return sum(len(str(m["content"])) for m in body_of(asked(prompt=size))["messages"])

    assert length("compact") < length("full") / 3


@shows("decision.max_repairs")
@pytest.mark.parametrize("most", [0, 1])
def test_so_many_faulty_answers_are_sent_back(asked, most):
    requests, state = asked({"text": "no"}, tool_mode="native", decision={"max_repairs": most})
    assert (len(requests), state.signal.source) == (most + 1, "fallback")


@shows("decision.max_memory_calls")
def test_so_many_memory_functions_are_offered(asked):
    def offers(most):
        body = body_of(asked(decision={"max_memory_calls": most}))
        return "query_rag_stats" in {one["function"]["name"] for one in body["tools"]}

    assert (offers(0), offers(1)) == (False, True)


@shows("decision.reject_false_claims")
def test_a_false_claim_costs_a_repair_where_it_is_rejected(asked, right):
    false = {"tools": [right(WAIT, rsi_value=1)]}
    found = [len(asked(false, decision={"reject_false_claims": is_on, "max_repairs": 1})[0]) for is_on in (False, True)]
    assert found == [1, 2]


@shows("decision.max_concurrency")
@pytest.mark.parametrize("most", [1, 3])
def test_no_more_pairs_are_asked_at_the_same_time(most, server, make_context, make_snapshot, right):
    at_once, peak, lock = [0], [0], threading.Lock()

    class Counting(list):
        def __getitem__(self, place):
            with lock:
                at_once[0] += 1
                peak[0] = max(peak[0], at_once[0])
            threading.Event().wait(0.15)
            with lock:
                at_once[0] -= 1
            return super().__getitem__(place)

    server.next_item = lambda request: Counting([{"tools": [right(WAIT)]}])[0]
    llm = {"api_base": server.url, "model": "m", "decision": {"max_concurrency": most, "max_repairs": 0}}
    pairs = {f"P{n}": make_snapshot().model_copy(update={"pair": f"P{n}"}) for n in range(3)}
    Runner(make_context(llm_config=llm)).decide(pairs, None)
    assert peak[0] == most


@shows("triage.enabled", "triage.max_move_atr")
def test_triage_spares_the_model_where_little_has_moved(asked, server, run, make_context, make_snapshot, as_of):
    def answers(number, **triage):
        server.script = [{"text": "no"}]
        llm = {"api_base": server.url, "model": "m", "retry_times": 0, "decision": {"max_repairs": 0}}
        context = make_context(llm_config=llm | {"triage": triage})
        return run(context, make_snapshot(as_of=as_of - number * timedelta(minutes=30))).signal.source

    skipped = {n for n in range(60) if answers(n, enabled=True, max_move_atr=20) == "triage"}
    narrow = {n for n in skipped if answers(n, enabled=True, max_move_atr=0.05) == "triage"}
    assert skipped and narrow < skipped
    assert {answers(n) for n in list(skipped)[:2]} == {"fallback"}

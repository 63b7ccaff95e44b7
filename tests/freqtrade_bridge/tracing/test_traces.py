"""Decisions are shown to trace viewers on purpose: few, small, named, without a secret, and never waited for.

What arrives by LangSmith's protocol and by OpenTelemetry's is read back, and held against the ledger's rows.
"""

import json
import logging
import threading
import uuid
from datetime import UTC, datetime

import pytest
from collectors import PROJECT, attributes, collecting, shown_to

from candlegraph.freqtrade_bridge.decisions.records import Records
from candlegraph.freqtrade_bridge.tracing import sending
from candlegraph.freqtrade_bridge.tracing.description import size_of, thread_of, trace_of
from candlegraph.freqtrade_bridge.tracing.providers import provider_told
from candlegraph.freqtrade_bridge.tracing.traces import is_chosen, traces_of
from candlegraph.graph.schema.errors import ConfigError
from candlegraph.graph.settings.llm import ModelSettings
from candlegraph.graph.settings.settings import settings_of
from candlegraph.graph.settings.tracing import Tracing

PAIR = "BTC/USDT:USDT"
SECRET = "sk-planted"
ALL = {"tracing": {"send": "all"}}


def test_a_decision_arrives_by_both_protocols_with_one_id_name_and_time(decided, shown):
    prices = {"policy": {"input": 1, "output": 2}}
    rows, states, _ = decided(3, llm_config={"api_key": SECRET})
    traces, found = shown(rows, states, settings_of(ALL | {"llm_config": {"api_key": SECRET, "prices": prices}}))
    assert [(way.sent, way.dropped) for way in traces.ways] == [(3, 0), (3, 0)]
    runs, spans = [run for batch in found.runs() for run in batch], found.spans()
    assert [run["name"] for run in runs] == [span.name for span, _ in spans]
    assert [uuid.UUID(run["trace_id"]).bytes for run in runs] == [span.trace_id for span, _ in spans]
    assert [uuid.UUID(run["id"]).bytes[:8] for run in runs] == [span.span_id for span, _ in spans]
    for run, (span, _) in zip(runs, spans, strict=True):
        for told, at in ((run["start_time"], span.start_time_unix_nano), (run["end_time"], span.end_time_unix_nano)):
            assert datetime.fromisoformat(told) == datetime.fromtimestamp(at // 1000 / 1e6, UTC)
        parent = uuid.UUID(run["parent_run_id"]).bytes[:8] if "parent_run_id" in run else b""
        assert parent == span.parent_span_id
    assert not any(SECRET.encode() in body for _, body, _ in found.requests)
    assert all(len(body) <= 30_000 for _, body, _ in found.requests)


def test_langsmith_is_told_action_thread_model_tokens_and_cost(decided, shown):
    rows, states, _ = decided(3)
    _, found = shown(rows, states, settings_of(ALL), otlp=False)
    for row, (root, *below) in zip(rows, found.runs(), strict=True):
        assert root["id"] == row.decision_id and root["name"].startswith(f"decide {PAIR} 20")
        told = root["extra"]["metadata"]
        assert (told["action"], told["source"], told["run"]) == (row.signal.action, row.signal.source, "dry_run")
        assert told["cost"] == row.cost and told["prompt_hash"] == row.prompt_hash
        assert "Decided: " in root["outputs"]["story"] and "<facts>" in root["inputs"]["facts"]
        model = next(one for one in below if one["run_type"] == "llm")
        assert model["parent_run_id"] == row.decision_id
        assert model["dotted_order"].startswith(root["dotted_order"] + ".")
        assert model["outputs"]["tool_calls"][0]["name"].startswith("signal_")
        assert [one["role"] for one in model["inputs"]["messages"]] == ["system", "user"]
        usage = model["extra"]["metadata"]["usage_metadata"]
        assert {"ls_provider", "ls_model_name"} <= set(model["extra"]["metadata"])
        assert usage["total_cost"] == row.cost and usage["total_tokens"] == row.tokens_in + row.tokens_out


def test_a_span_says_it_by_the_genai_conventions_of_the_pinned_version(decided, shown):
    rows, states, _ = decided(3)
    _, found = shown(rows, states, settings_of(ALL), langsmith=False)
    scopes = [b"schemas/1.41.1" in body for body in found.to("/v1/traces")]
    assert scopes == [True] * 3
    roots = {span.trace_id: told for span, told in found.spans() if not span.parent_span_id}
    for row in rows:
        told = roots[uuid.UUID(row.decision_id).bytes]
        assert (told["gen_ai.operation.name"], told["gen_ai.agent.name"]) == ("invoke_agent", "candlegraph")
        assert told["gen_ai.conversation.id"] == thread_of(row, states[row.decision_id])
        assert (told["candlegraph.action"], told["candlegraph.cost"]) == (row.signal.action, row.cost)
        assert told["candlegraph.decision_id"] == row.decision_id
    chats = [told for span, told in found.spans() if told.get("gen_ai.operation.name") == "chat"]
    assert len(chats) == 3 and {told["gen_ai.provider.name"] for told in chats} == {"policy"}
    asked, answered = (json.loads(chats[1][f"gen_ai.{way}.messages"]) for way in ("input", "output"))
    assert [one["role"] for one in asked] == ["system", "user"] and "<facts>" in asked[1]["parts"][0]["content"]
    (call,) = answered[0]["parts"]
    assert (call["type"], call["name"], answered[0]["finish_reason"]) == ("tool_call", "signal_entry_long", "tool_call")
    assert chats[1]["gen_ai.usage.input_tokens"] == rows[1].tokens_in


def test_who_answered_is_named_as_viewers_know_it():
    def told(**settings):
        return provider_told(ModelSettings(model="m", **settings))

    assert told(api_base="https://api.deepseek.com/v1") == "deepseek"
    assert told(api_base="https://my.openai.azure.com/x") == "azure.ai.openai"
    assert told(api_base="http://127.0.0.1:8000/v1") == "openai" and told(provider="mistralai") == "mistral_ai"
    assert provider_told(ModelSettings()) == "policy"


def test_what_is_sent_follows_the_setting(decided):
    rows, states, _ = decided(3)

    def chosen(**rules):
        return [row.signal.action for row in rows if is_chosen(row, Tracing(**rules))]

    assert chosen(send="all") == ["wait", "enter_long", "hold"]
    assert chosen(send="trades", sampled=0) == ["enter_long"] and chosen(send="none", sampled=1) == []
    assert chosen(send="trades", sampled=1) == ["wait", "enter_long", "hold"]
    for given in ({"max_kb": 5}, {"prompts": False}):
        steps = trace_of(rows[1], states[rows[1].decision_id], settings_of({"tracing": given}))
        assert size_of(steps) <= (5_500 if "max_kb" in given else 12_000), given
        assert ("calm" in json.dumps(steps, default=str)) == ("prompts" not in given)


def test_what_is_redacted_is_in_nothing_that_is_sent_and_ids_stay(decided, shown, closed):
    rows, states, context = decided(2)
    rules = {"tracing": {"send": "all", "redact": ["CALM", r"btc/\w+", rows[1].decision_id[:8]]}}
    _, found = shown(rows, states, settings_of(rules), lambda traces: closed(traces, rows[1], states, context))
    sent = b"".join(body for _, body, _ in found.requests)
    assert b"***" in sent and b"calm" not in sent.lower() and b"btc/usdt" not in sent.lower()
    assert [batch[0]["id"] for batch in found.runs()] == [row.decision_id for row in rows]
    with pytest.raises(ConfigError, match=r"tracing.redact.*'\(' is no regular expression"):
        settings_of({"tracing": {"redact": ["("]}})


def test_a_trade_is_one_thread_from_the_decision_that_opens_it(decided, make_snapshot):
    rows, states, _ = decided(3)
    opened = states[rows[2].decision_id].snapshot.position.opened_at
    assert thread_of(rows[1], states[rows[1].decision_id]) == f"dry_run {PAIR} {rows[1].as_of:%Y-%m-%dT%H:%MZ}"
    assert thread_of(rows[2], states[rows[2].decision_id]) == f"dry_run {PAIR} {opened:%Y-%m-%dT%H:%MZ}"


def test_fate_outcome_score_and_reward_arrive_on_the_decisions_trace_once_known(decided, shown, closed):
    rows, states, context = decided(2)
    row = rows[1].model_copy(update={"opinions": {"reviewer 1": '{"verdict": "shrink", "reason": "late"}'}})
    _, found = shown([row], states, settings_of({}), lambda traces: closed(traces, row, states, context))
    ((patch,),) = found.runs("patch")
    (root, *_) = found.runs()[0]
    assert (patch["id"], patch["dotted_order"]) == (root["id"], root["dotted_order"]) and "outputs" not in patch
    assert patch["extra"]["metadata"]["fate"].startswith("filled") and root["extra"]["metadata"]["fate"] != "filled"
    assert patch["extra"]["metadata"]["thread_id"] == root["extra"]["metadata"]["thread_id"]
    told = {one["key"]: (one["score"], one["value"], one["comment"]) for one in found.feedback()}
    assert list(told) == ["profit_pct", "score", "reward", "reviewer"] and told["profit_pct"][0] == -4
    assert 0 <= told["score"][0] <= 100 and told["score"][1] in "ABCDF" and told["score"][2]
    assert told["reviewer"] == (None, "shrink", "late")
    assert {(one["run_id"], one["session_id"]) for one in found.feedback()} == {(row.decision_id, PROJECT)}
    later = {span.name: (span, given) for span, given in found.spans() if span.name in ("fate", "outcome")}
    assert {span.trace_id for span, _ in later.values()} == {uuid.UUID(row.decision_id).bytes}
    assert {span.parent_span_id for span, _ in later.values()} == {uuid.UUID(row.decision_id).bytes[:8]}
    assert later["fate"][1]["candlegraph.fate"].startswith("filled")
    events = [attributes(one.attributes) for one in later["outcome"][0].events]
    assert [one["gen_ai.evaluation.name"] for one in events] == list(told)
    assert events[0]["gen_ai.evaluation.score.value"] == -4 and events[3]["gen_ai.evaluation.score.label"] == "shrink"


@pytest.mark.parametrize("projects", [[], {}, [{"name": "x"}]])
def test_feedback_on_a_project_that_langsmith_does_not_know_is_dropped_and_told(
    decided, closed, monkeypatch, caplog, projects
):
    rows, states, context = decided(2)
    with collecting(projects=projects) as found, shown_to(monkeypatch, found.url, otlp=False):
        traces = traces_of(settings_of({}))
        traces.decided(rows[1:], states)
        closed(traces, rows[1], states, context)
        traces.close()
    assert [(way.sent, way.dropped) for way in traces.ways] == [(2, 1)] and found.feedback() == []
    assert "traces to LangSmith are dropped, this is said once: LangSmithNotFoundError" in caplog.text


def test_a_persons_answer_is_a_step_of_the_same_trace(decided, shown):
    rows, states, context = decided(2)
    row = rows[1]
    signal = row.signal.model_copy(update={"decision_id": row.decision_id, "reason": "answered by a person"})

    def answered(traces):
        records = Records(context, traces)
        records._ledger.append([row])
        records.answered(signal, "approval", states[row.decision_id])

    _, found = shown([row], states, settings_of({}), answered)
    (step,) = found.runs()[1]
    (patch,) = found.runs("patch")[0]
    assert (step["name"], step["parent_run_id"], step["trace_id"]) == ("approval", row.decision_id, row.decision_id)
    assert patch["outputs"]["signal"]["reason"] == "answered by a person" and "Decided: " in patch["outputs"]["story"]
    (span, told) = found.spans()[-1]
    assert (span.name, told["candlegraph.reason"]) == ("approval", "answered by a person")


@pytest.mark.parametrize("trouble", ["429", "500", "dead", "silent", "full"])
def test_a_collector_in_trouble_delays_nothing_and_is_told_of_once(decided, monkeypatch, caplog, trouble):
    """A silent one never answers: were it waited for, this test would not end."""
    rows, states, _ = decided(3)
    monkeypatch.setattr(sending, "ENDS_WITHIN", 0.5)
    caplog.set_level(logging.INFO)
    ever = threading.Event()
    status = int(trouble) if trouble.isdecimal() else 202
    settings = settings_of({"tracing": {"send": "all"} | ({"queue": 1} if trouble == "full" else {})})
    with collecting(status, ever if trouble in ("silent", "full") else None) as found:
        url = "http://127.0.0.1:9" if trouble == "dead" else found.url
        with shown_to(monkeypatch, url):
            traces = traces_of(settings)
            traces.decided(rows, states)
            traces.decided(rows, states)
            traces.close()
        assert [(way.sent, way.dropped) for way in traces.ways] == [(0, 6), (0, 6)]
        ever.set()
    warnings = [one.getMessage() for one in caplog.records if one.levelno == logging.WARNING]
    assert [one.split(" are ")[0] for one in sorted(warnings)] == ["traces to LangSmith", "traces to OTLP"], warnings
    assert "traces: 0 sent, 6 dropped, to LangSmith" in caplog.text and "0 sent, 6 dropped, to OTLP" in caplog.text
    assert {"429": "Too Many Requests", "500": "500 Internal Server Error"}.get(trouble, "") in caplog.text


@pytest.mark.parametrize(
    "langsmith, otlp, send, names",
    [
        (True, True, "all", ["LangSmith", "OTLP"]),
        (True, False, "all", ["LangSmith"]),
        (False, True, "all", ["OTLP"]),
        (False, False, "all", None),
        (True, True, "none", None),
    ],
)
def test_nothing_is_sent_unless_a_viewers_own_variable_says_so(monkeypatch, langsmith, otlp, send, names):
    with collecting() as found, shown_to(monkeypatch, found.url, langsmith=langsmith, otlp=otlp):
        if not langsmith:
            monkeypatch.setenv("LANGSMITH_TRACING", "false")
        traces = traces_of(settings_of({"tracing": {"send": send}}))
        assert (traces and [way._viewer.name for way in traces.ways]) == names
        if traces is not None:
            traces.close()

"""What is kept of an answer: plain text, bounded calls with ids of their own, thoughts apart."""

import json

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from langchain_core.messages import AIMessage
from langchain_core.messages.tool import invalid_tool_call, tool_call

from candlegraph.agents.models.answers import LONGEST_TEXT, MOST_CALLS, REASONING, normalised


def wait(id="a", **args):
    return tool_call(name="signal_wait", args=args, id=id)


@pytest.mark.parametrize(
    "content, text, thoughts",
    [
        ("<think>up</think>I wait", "I wait", "up"),
        ("<think>up and", "", "up and"),
        ("up</think>I wait", "I wait", "up"),
        ("<THINK>up</THINK> I <think>or down</think>wait", "I wait", "up\nor down"),
        ("no thought", "no thought", None),
        (["I ", {"type": "text", "text": "wait"}, {"type": "thinking", "thinking": "up"}], "I wait", "up"),
        ([{"type": "reasoning", "reasoning": "up"}, {"type": "image", "url": 3}], "", "up"),
    ],
)
def test_thoughts_are_kept_beside_the_text(content, text, thoughts):
    kept = normalised(AIMessage(content))
    assert (kept.content, kept.additional_kwargs.get(REASONING)) == (text, thoughts)


def test_thoughts_of_the_provider_come_first():
    kept = normalised(AIMessage("<think>b</think>", additional_kwargs={REASONING: "a", "refusal": "no", "audio": {}}))
    assert kept.additional_kwargs == {REASONING: "a\nb"}


def test_a_long_text_is_cut_and_says_by_how_much():
    kept = normalised(AIMessage("x" * 50_000))
    assert len(kept.content) <= LONGEST_TEXT
    shown, _, note = kept.content.partition(" [")
    assert note == f"{50_000 - len(shown)} characters cut]"


@pytest.mark.parametrize(
    "given_ids, kept_ids",
    [
        ((None, None), ["call_0", "call_1"]),
        (("", "b"), ["call_0", "b"]),
        (("a", "a", "a"), ["a", "call_0", "call_1"]),
        (("call_0", None, "call_0"), ["call_0", "call_1", "call_2"]),
        (("a", "b"), ["a", "b"]),
    ],
)
def test_every_call_has_an_id_of_its_own(given_ids, kept_ids):
    calls = [wait(id) for id in given_ids]
    assert [one["id"] for one in normalised(AIMessage("", tool_calls=calls)).tool_calls] == kept_ids
    last = invalid_tool_call(name=None, args=None, id=given_ids[-1], error=None)
    mixed = normalised(AIMessage("", tool_calls=calls[:-1], invalid_tool_calls=[last]))
    assert mixed.invalid_tool_calls[0]["id"] == kept_ids[-1]


def test_calls_beyond_twenty_are_counted_and_dropped():
    bad = invalid_tool_call(name="x", args="{", id="z", error="no")
    kept = normalised(AIMessage("", tool_calls=[wait(str(n)) for n in range(25)], invalid_tool_calls=[bad]))
    assert len(kept.tool_calls) == MOST_CALLS and not kept.invalid_tool_calls
    assert kept.response_metadata["cut_calls"] == 6


def test_arguments_become_plain_values_that_can_be_stored():
    deep = {"a": {"b": {"c": {"d": {"e": {"f": 1}}}}}}
    args = {"reason": "bad \ud800 half", "leverage": 10**400, "ok": 3, "deep": deep, "\udfff": [True, None, 1.5]}
    kept = normalised(AIMessage("", tool_calls=[wait(**args)])).tool_calls[0]["args"]
    assert (kept["reason"], kept["leverage"], kept["ok"]) == ("bad ? half", float("inf"), 3)
    assert kept["?"] == [True, None, 1.5]
    assert '"f"' not in json.dumps(kept["deep"])


def test_of_the_metadata_small_words_stay():
    metadata = {"done_reason": "stop", "model": "m" * 999, "logprobs": [1], "headers": {"x": "y"}, "id": "gen-1"}
    kept = normalised(AIMessage("", response_metadata=metadata, id="one for all", name="x"))
    assert set(kept.response_metadata) == {"finish_reason", "model_name"}
    assert kept.response_metadata["finish_reason"] == "stop" and len(kept.response_metadata["model_name"]) <= 200
    assert (kept.id, kept.name) == (None, None)


@pytest.mark.parametrize(
    "counted, kept",
    [((7, 2, 9), (7, 2)), ((-1, 2, 1), None), ((2**70, 2, 9), None)],
    ids=["counted", "negative", "beyond any number"],
)
def test_tokens_are_kept_where_they_can_be_true(counted, kept):
    names = ("input_tokens", "output_tokens", "total_tokens")
    usage = dict(zip(names, counted, strict=True)) | {"input_token_details": {"cache_read": 3, "audio": -4}}
    found = normalised(AIMessage("", usage_metadata=usage)).usage_metadata
    assert (found and (found["input_tokens"], found["output_tokens"])) == kept
    assert kept is None or found["input_token_details"] == {"cache_read": 3}


ANY_TEXT = st.text(st.characters(), max_size=30)  # lone surrogates included
WORD = st.one_of(ANY_TEXT, st.sampled_from(["<think>", "</think>", "x" * 30_000, "call_0", ""]))
VALUE = st.recursive(
    st.one_of(st.none(), st.booleans(), st.integers(), st.floats(), WORD),
    lambda inner: st.one_of(st.lists(inner, max_size=3), st.dictionaries(WORD, inner, max_size=3)),
    max_leaves=8,
)
CALL = st.builds(tool_call, name=WORD, args=st.dictionaries(WORD, VALUE, max_size=4), id=st.none() | WORD)
BROKEN = st.builds(
    invalid_tool_call, name=st.none() | WORD, args=st.none() | WORD, id=st.none() | WORD, error=st.none() | WORD
)
BLOCK = st.one_of(WORD, st.dictionaries(st.sampled_from(["type", "text", "thinking", "reasoning"]), VALUE, max_size=4))
ANSWER = st.builds(
    AIMessage,
    content=st.one_of(WORD, st.lists(BLOCK, max_size=4)),
    tool_calls=st.lists(CALL, max_size=24),
    invalid_tool_calls=st.lists(BROKEN, max_size=3),
    response_metadata=st.dictionaries(st.sampled_from(["finish_reason", "model", "cut_calls", "x"]), VALUE),
)


@settings(deadline=None)
@given(ANSWER)
def test_no_answer_is_too_strange_to_be_stored(answer):
    kept = normalised(answer)
    assert normalised(kept) == kept
    calls = [*kept.tool_calls, *kept.invalid_tool_calls]
    assert len({one["id"] for one in calls}) == len(calls) <= MOST_CALLS
    assert all(one["id"] for one in calls)
    kept.model_dump_json().encode("utf-8")


def test_a_call_whose_many_short_parts_are_endless_together_is_cut():
    found = normalised(AIMessage("", tool_calls=[wait(a=[["x" * 3999] * 50] * 50)]))
    assert len(str(found.tool_calls[0]["args"])) < 100
    assert normalised(found) == found

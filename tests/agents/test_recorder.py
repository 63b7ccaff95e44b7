"""What is in the key of an answer, what is not, and what a recorder makes of it."""

import asyncio

import pytest
from hypothesis import given
from hypothesis import strategies as st
from langchain_core.messages import AIMessage, HumanMessage, SystemMessage, ToolMessage

from candlegraph.agents.models.cassette import KeptAnswer, components_of, key_of
from candlegraph.agents.models.recorder import Answered, Recorder, Request, kept_of, replayed
from candlegraph.graph.schema.calls import Try
from candlegraph.graph.schema.errors import CassetteError, ReplayMiss

TOOLS = ({"type": "function", "function": {"name": "f", "parameters": {"a": 1}}},)


def calls(*names, start=0):
    return AIMessage("", tool_calls=[{"name": n, "args": {}, "id": f"id{start + i}"} for i, n in enumerate(names)])


def request(**changes):
    messages = (SystemMessage("system"), HumanMessage("facts"))
    known = {"role": "decision", "params": {"model": "m", "temperature": 0.7}, "messages": messages, "tools": TOOLS}
    return Request(**known | {"prompt_version": "v1", "pair": "P", "candle": "2025-03-01 00:00"} | changes)


def key(**changes):
    one = request(**changes)
    return key_of(components_of(one.params, one.messages, one.tools, one.prompt_version))


@pytest.mark.parametrize(
    "change",
    [
        {"params": {"model": "m", "temperature": 0.8}},
        {"params": {"model": "n", "temperature": 0.7}},
        {"messages": (SystemMessage("other"), HumanMessage("facts"))},
        {"messages": (SystemMessage("system"), HumanMessage("fact"))},
        {"messages": (SystemMessage("system"), HumanMessage("facts"), calls("f"))},
        {"tools": ({"type": "function", "function": {"name": "g", "parameters": {"a": 1}}},)},
        {"tools": ()},
        {"prompt_version": "v2"},
    ],
)
def test_whatever_a_model_is_told_is_in_the_key(change):
    assert key(**change) != key()


@pytest.mark.parametrize("change", [{"pair": "Q"}, {"candle": "later"}, {"role": "decision"}])
def test_where_and_when_is_not(change):
    assert key(**change) == key()


def test_ids_of_calls_and_messages_and_what_is_about_an_answer_are_not():
    def told(start, identity):
        answer = calls("f", "g", start=start)
        answer.id, answer.response_metadata, answer.usage_metadata = identity, {"x": identity}, None
        replies = [ToolMessage("said", tool_call_id=f"id{start + n}", name="f") for n in range(2)]
        return (SystemMessage("s"), HumanMessage("facts", id=identity), answer, *replies)

    assert key(messages=told(0, "a")) == key(messages=told(7, "b"))


def test_which_reply_answers_which_call_is():
    def told(first, second):
        replies = [ToolMessage(text, tool_call_id=f"id{n}", name="f") for n, text in ((first, "x"), (second, "y"))]
        return (SystemMessage("s"), calls("f", "f"), *replies)

    assert key(messages=told(0, 1)) != key(messages=told(1, 0))


def test_whether_a_call_was_refused_is():
    def told(status):
        return (SystemMessage("s"), calls("f"), ToolMessage("said", tool_call_id="id0", name="f", status=status))

    assert key(messages=told("success")) != key(messages=told("error"))


def test_the_path_and_size_in_the_statistics_of_the_memory_are_not():
    def told(path, total):
        content = '{"total_experiences": %d, "storage": {"path": "%s", "bytes": 5}}' % (total, path)  # noqa: UP031
        return (
            SystemMessage("s"),
            calls("query_rag_stats"),
            ToolMessage(content, tool_call_id="id0", name="query_rag_stats"),
        )

    assert key(messages=told("a", 3)) == key(messages=told("b", 3)) != key(messages=told("a", 4))


class Model:
    """Counts how often it is asked."""

    def __init__(self, content="yes"):
        self.asked, self.content = 0, content

    async def ask(self):
        self.asked += 1
        message = AIMessage(
            self.content,
            tool_calls=[{"name": "f", "args": {"n": 0.1}, "id": "call_9"}],
            invalid_tool_calls=[{"name": "g", "args": "{", "id": "call_8", "error": "not JSON"}],
            usage_metadata={
                "input_tokens": 3,
                "output_tokens": 2,
                "total_tokens": 5,
                "input_token_details": {"cache_read": 1},
            },
            additional_kwargs={"reasoning_content": "thoughts"},
            response_metadata={"finish_reason": "stop"},
        )
        return Answered(message, "m", (Try(model="x", error="e", seconds=1.0),), 0.5)


def answer(recorder, model, **changes):
    return asyncio.run(recorder.answer(request(**changes), model.ask))


def test_live_asks_every_time_and_touches_no_file(tmp_path):
    model = Model()
    recorder = Recorder("live", tmp_path / "c.sqlite")
    recorder.open()
    for _ in range(2):
        assert not answer(recorder, model).is_replayed
    assert model.asked == 2 and list(tmp_path.iterdir()) == []


def test_record_asks_once_and_gives_the_same_answer_again(tmp_path):
    model = Model()
    recorder = Recorder("record", tmp_path / "c.sqlite")
    first, second = answer(recorder, model), answer(recorder, model)
    assert (model.asked, first.is_replayed, second.is_replayed) == (1, False, True)
    assert_same(first, second)


def test_replay_never_asks(tmp_path):
    model = Model()
    first = answer(Recorder("record", tmp_path / "c.sqlite"), model)
    second = answer(Recorder("replay", tmp_path / "c.sqlite"), model)
    assert (model.asked, second.is_replayed) == (1, True)
    assert_same(first, second)


def assert_same(first, second):
    assert (first.key, first.model, first.tries, first.seconds) == (
        second.key,
        second.model,
        second.tries,
        second.seconds,
    )
    told = ["content", "tool_calls", "invalid_tool_calls", "usage_metadata", "additional_kwargs", "response_metadata"]
    for name in told:
        assert getattr(first.message, name) == getattr(second.message, name), name


def test_a_second_writer_goes_on_with_the_first_ones_answer(tmp_path):
    path = tmp_path / "c.sqlite"
    slow, quick = Recorder("record", path), Recorder("record", path)

    async def overtaken():
        await quick.answer(request(), Model("quick").ask)
        return await Model("slow").ask()

    found = asyncio.run(slow.answer(request(), overtaken))
    assert (found.message.content, found.is_replayed) == ("quick", False)


def test_a_miss_names_pair_candle_role_and_what_changed(tmp_path):
    answer(Recorder("record", tmp_path / "c.sqlite"), Model())
    told = (SystemMessage("another word"), HumanMessage("facts"))
    with pytest.raises(ReplayMiss) as caught:
        answer(Recorder("replay", tmp_path / "c.sqlite"), Model(), messages=told, prompt_version="v2")
    text = str(caught.value)
    assert text.startswith("P 2025-03-01 00:00: the cassette")
    assert "no answer of the decision model" in text
    assert "changed since it was recorded: prompt_version (v1 -> v2), system (" in text
    assert "messages" not in text and "params" not in text


def test_a_miss_where_nothing_was_recorded_says_so(tmp_path):
    answer(Recorder("record", tmp_path / "c.sqlite"), Model())
    with pytest.raises(ReplayMiss, match="nothing was recorded for this candle"):
        answer(Recorder("replay", tmp_path / "c.sqlite"), Model(), candle="later", params={"model": "n"})


def test_a_replay_without_a_cassette_refuses_to_start(tmp_path):
    with pytest.raises(CassetteError, match="record one first"):
        Recorder("replay", tmp_path / "c.sqlite").open()


texts = st.text(st.characters(exclude_categories=["Cs"]), max_size=40)


@given(texts, texts, st.dictionaries(texts, st.one_of(texts, st.floats(allow_nan=False, allow_infinity=False))))
def test_an_answer_survives_being_kept(content, thoughts, arguments):
    message = AIMessage(
        content,
        tool_calls=[{"name": "f", "args": arguments, "id": "1"}],
        additional_kwargs={"reasoning_content": thoughts} if thoughts else {},
    )
    kept = kept_of(Answered(message, "m", (), 0.1))
    again = replayed("k", KeptAnswer.model_validate_json(kept.model_dump_json())).message
    assert (again.content, again.tool_calls, again.additional_kwargs) == (
        message.content,
        message.tool_calls,
        message.additional_kwargs,
    )

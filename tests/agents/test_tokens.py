"""The estimate of tokens: deterministic, additive enough to budget with, and on the high side of real tokenizers."""

import hashlib
import json
import os
import tempfile
from pathlib import Path

import pytest
import tiktoken
from hypothesis import given
from hypothesis import strategies as st
from langchain_core.utils.function_calling import convert_to_openai_tool

from candlegraph.agents.asking.transcript import ALL_TOOLS
from candlegraph.agents.prompt.briefing import brief_of
from candlegraph.agents.prompt.files import prompt_text
from candlegraph.agents.prompt.tokens import tokens_of, tool_tokens
from candlegraph.graph.settings.context import ContextConfig
from candlegraph.graph.settings.settings import Settings
from candlegraph.graph.state import CandleState
from candlegraph.tools.market.facts import facts_of

BLOBS = "https://openaipublic.blob.core.windows.net/encodings"
TEXTS = st.text(st.one_of(st.characters(), st.sampled_from(" \n.:-_{}\"',0123456789abcABC的，。")), max_size=60)


@given(TEXTS, TEXTS)
def test_more_text_never_takes_fewer_tokens(one, other):
    assert max(tokens_of(one), tokens_of(other)) <= tokens_of(one + other)


@given(TEXTS, TEXTS)
def test_parts_counted_apart_never_take_fewer_tokens_than_the_whole(one, other):
    assert tokens_of(one + other) <= tokens_of(one) + tokens_of(other)


@given(TEXTS)
def test_a_token_is_never_more_than_eleven_characters_and_a_character_never_more_than_four(text):
    assert len(text) / 11 <= tokens_of(text) <= 4 * len(text)


@pytest.mark.parametrize(
    "text, tokens",
    [
        ("", 0),
        ("price", 1),
        (" price", 1),
        ("BTC", 2),
        ("0.0000085", 9),
        ("64.7", 4),
        ("等待确认", 5),
        ("\n", 1),
        ("🚀", 4),
    ],
)
def test_a_digit_is_a_token_and_a_word_is_few(text, tokens):
    assert tokens_of(text) == tokens


@given(st.text("0123456789.,-", max_size=40))
def test_no_digit_is_free(text):
    assert tokens_of(text) >= sum(character.isdigit() for character in text)


def test_the_functions_count_as_the_json_that_is_sent():
    for one in ALL_TOOLS:
        sent = json.dumps(convert_to_openai_tool(one), ensure_ascii=False)
        assert tool_tokens([one]) == tokens_of(sent + "\n"), one.name
    assert tool_tokens(ALL_TOOLS) == sum(tool_tokens([one]) for one in ALL_TOOLS)


def vocabulary(name):
    """Return tiktoken's encoding if its vocabulary lies in the cache that it reads; never download it."""
    folder = os.environ.get("TIKTOKEN_CACHE_DIR") or Path(tempfile.gettempdir()) / "data-gym-cache"
    key = hashlib.sha1(f"{BLOBS}/{name}.tiktoken".encode()).hexdigest()
    if not (Path(folder) / key).is_file():
        pytest.skip(f"tiktoken's vocabulary {name} is not on this machine")
    return tiktoken.get_encoding(name)


@pytest.mark.parametrize("language", ["en", "zh"])
@pytest.mark.parametrize("name", ["cl100k_base", "o200k_base"])
def test_the_estimate_is_above_the_true_count_of_real_prompts_and_not_far(make_snapshot, name, language):
    encoding = vocabulary(name)
    settings = Settings(context_config=ContextConfig(language=language))
    snapshot = make_snapshot("long", past_reasons=("the trend holds", "回调后继续持有"))
    config = settings.context_config
    facts = facts_of(snapshot, config.timeframes, config.required_indicators)
    brief = brief_of(CandleState(snapshot=snapshot, facts=facts), settings, ALL_TOOLS)
    functions = "\n".join(json.dumps(convert_to_openai_tool(one), ensure_ascii=False) for one in ALL_TOOLS)
    for text, estimate in [
        *((str(message.content), tokens_of(str(message.content))) for message in brief.messages),
        (prompt_text("decision", language), tokens_of(prompt_text("decision", language))),
        (functions, tool_tokens(ALL_TOOLS)),
    ]:
        true = len(encoding.encode(text))
        assert true <= estimate <= 2 * true

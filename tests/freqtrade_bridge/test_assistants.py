"""The assistants of LangGraph's server: the bot's own settings, never its secrets."""

import json
import sys

import pytest

from candlegraph.freqtrade_bridge.commands.parser import parser
from candlegraph.freqtrade_bridge.commands.studio.assistants import ASSISTANTS, assistant_id, base_of, with_settings
from candlegraph.freqtrade_bridge.commands.studio.server import ending, serving
from candlegraph.graph.schema.errors import ConfigError
from candlegraph.graph.studio import StudioContext

SECRET = "sk-very-secret"


def test_assistants_decide_as_the_configuration_says_and_hold_no_secret(tmp_path):
    model = {"model": "some-model", "api_base": "http://127.0.0.1:9/v1", "api_key": SECRET}
    roles = {"reviewer": {"model": "another", "api_key": SECRET}}
    config = tmp_path / "config.json"
    config.write_text(json.dumps({"llm_config": model | {"roles": roles}, "risk_management": {"max_leverage": 3}}))
    base = base_of([config], tmp_path)
    assert SECRET not in json.dumps(base) and "api_key" not in json.dumps(base)
    for one in ASSISTANTS:
        context = StudioContext.model_validate(with_settings(base, one.settings))
        assert context.model_name == "some-model" and context.settings.risk_management.max_leverage == 3
        assert context.settings.llm_config.roles["reviewer"].model == "another"
    assert StudioContext.model_validate(base_of([], tmp_path)).settings.risk_management.max_leverage != 3


def test_each_assistant_says_what_it_is_for_and_has_an_id_of_its_own(tmp_path):
    base = base_of([], tmp_path)
    known = {one.name: assistant_id(one.name, with_settings(base, one.settings)) for one in ASSISTANTS}
    assert list(known) == ["fast", "balanced", "deep", "Chinese", "ask me", "learn"]
    assert len(set(known.values())) == len(known) and all(one.what for one in ASSISTANTS)


def test_the_server_is_told_which_namespaces_its_runs_may_touch_beside_their_own(tmp_path, monkeypatch):
    """A program that writes down its environment stands in for the server: starting that takes long."""
    program, told = tmp_path / "langgraph", tmp_path / "told"
    program.write_text(f'#!/bin/sh\necho "$CANDLEGRAPH_STUDIO_NAMESPACES" > {told}\n')
    program.chmod(0o755)
    monkeypatch.setattr(sys, "executable", str(tmp_path / "python"))
    for words, expected in (([], ""), (["--allow", "live", "dry_run"], "live dry_run")):
        arguments = parser().parse_args(["studio", "--userdir", str(tmp_path), "--port", "9", *words])
        with pytest.raises(ConfigError, match="the server did not start"), serving(9, tmp_path, arguments.allow):
            pass
        assert told.read_text().strip() == expected
    assert ending(tmp_path, ["live"]).startswith(
        "Nothing is traded; what runs here is kept in the namespace studio or, where the context says so, live."
    )

"""The context: what it opens, when, and what it keeps."""

import json

import pytest
from learnt import waiting
from lived import lived
from pydantic import ValidationError

from candlegraph.agents.models.policy import PolicyModel
from candlegraph.graph.context import Context
from candlegraph.graph.opening import open_context
from candlegraph.graph.schema.errors import ConfigError, MemoryAway
from candlegraph.graph.settings.places import DATABASE
from candlegraph.graph.settings.settings import settings_of
from candlegraph.memory.storage.database import open_engine
from candlegraph.memory.store import close_memory, open_memory
from candlegraph.tools.signals import FLAT_TOOLS, POSITION_TOOLS


def test_the_default_context_decides_by_the_policy_rule():
    (rung,) = Context().models.of("decision").ladder.rungs
    assert isinstance(rung.model, PolicyModel)
    assert Context().model_name == "policy"


def test_another_model_is_put_into_a_copy(scripted, make_context):
    context = make_context()
    model = scripted()
    copy = context.with_model(model)
    assert [copy.models.of(role).ladder.rungs[0].model for role in ("decision", "bull")] == [model, model]
    assert isinstance(context.models.of("decision").ladder.rungs[0].model, PolicyModel)
    assert copy.settings is context.settings


def test_a_model_is_bound_once_per_set_of_functions(make_context):
    models = make_context().models
    flat = models.bound("decision", FLAT_TOOLS)
    assert models.bound("decision", FLAT_TOOLS) is flat
    assert models.bound("decision", POSITION_TOOLS) is not flat
    assert models.bound("reviewer", FLAT_TOOLS) is not flat


def test_one_decisions_context_shares_the_models(make_context):
    context = make_context(llm_config={"depth": "deep"})
    one = context.for_candle(depth="fast", spent="llm_config.budget.daily_cost")
    assert one.models is context.models
    assert (one.depth, one.spent, context.depth, context.spent) == (
        "fast",
        "llm_config.budget.daily_cost",
        "deep",
        None,
    )


def test_the_database_lies_below_the_user_folder(make_context, tmp_path):
    context = make_context()
    assert context.database == tmp_path / "rag" / "candlegraph.sqlite"
    assert not context.database.exists()
    assert context.memory is context.memory
    assert context.database.exists()


def test_the_own_namespace_is_read_first_and_others_only_where_configured(make_context):
    assert make_context(namespace="live").namespaces == ("live",)
    other = {"rag_config": {"read_namespaces": ["backtest:a", "dry_run"]}}
    assert make_context(namespace="live", experience_config=other).namespaces == ("live", "backtest:a", "dry_run")


def test_studio_may_edit_it_as_plain_json_and_sees_no_key(make_context):
    context = make_context(llm_config={"api_key": "sk-secret"})
    shown = context.model_dump(mode="json")
    assert "sk-secret" not in json.dumps(shown)
    assert Context.model_validate(Context().model_dump(mode="json")) == Context()


@pytest.mark.parametrize("wrong", [{"namespace": ""}, {"wallet": 0}, {"surprise": 1}])
def test_a_wrong_context_is_refused(wrong):
    with pytest.raises(ValidationError):
        Context(**wrong)


def test_a_run_opens_model_and_memory_at_its_start(tmp_path):
    context = open_context({"user_data_dir": tmp_path, "risk_management": {"max_leverage": 3}}, "dry_run")
    assert (context.namespace, context.settings.risk_management.max_leverage) == ("dry_run", 3)
    assert context.database.exists()
    close_memory(context.database)


def test_cases_that_a_new_version_or_other_timeframes_hide_are_named_at_the_start(tmp_path, make_snapshot, caplog):
    memory = open_memory(tmp_path / DATABASE)
    for number in range(3):
        memory.add(lived(make_snapshot(), number, namespace="live"))
    memory.add(lived(make_snapshot(), 4, namespace="live", space="situation-v0:30m,4h"))
    memory.add(lived(make_snapshot(), 5, namespace="other", space="situation-v0:30m"))
    open_context({"user_data_dir": tmp_path}, "live")
    said = [one.getMessage() for one in caplog.records]
    assert len(said) == 1 and "`candlegraph memory reembed`" in said[0]
    assert "1 experiences of other spaces (situation-v0:30m,4h: 1) are found no more" in said[0]
    caplog.clear()
    open_context({"user_data_dir": tmp_path, "context_config": {"timeframes": ["30m", "4h"]}}, "live")
    assert "4 experiences of other spaces (situation-v1:30m,1h,4h,1d: 3, situation-v0:30m,4h: 1)" in caplog.text
    close_memory(tmp_path / DATABASE)


def test_a_model_that_cannot_be_opened_stops_the_start(tmp_path):
    with pytest.raises(ConfigError, match="api_base"):
        open_context({"user_data_dir": tmp_path, "llm_config": {"model": "gpt-x"}}, "live")


def test_a_rule_that_writes_no_lessons_is_refused_as_the_reviewer_of_closed_trades(tmp_path):
    config = {"user_data_dir": tmp_path, "experience_config": {"reflection": {"mode": "llm"}}}
    with pytest.raises(ConfigError, match="reflection.mode = 'llm': the reviewer's model is 'policy'.*or mode 'rules'"):
        open_context(config, "live")


def test_the_model_that_reviews_closed_trades_is_opened_at_the_start(tmp_path):
    config = {
        "user_data_dir": tmp_path,
        "llm_config": {"roles": {"reviewer": {"model": "gpt-x"}}},
        "experience_config": {"reflection": {"mode": "llm"}},
    }
    with pytest.raises(ConfigError, match="gpt-x"):
        open_context(config, "live")


NOBODY = "postgresql+psycopg://bots:hunter2-planted@127.0.0.1:9/memory"


@pytest.fixture
def away(tmp_path):
    """Return a configuration whose shared memory is away."""
    yield {"user_data_dir": str(tmp_path), "experience_config": {"rag_config": {"database_url": NOBODY}}}
    close_memory(tmp_path / DATABASE)


def test_live_a_shared_memory_that_is_away_keeps_no_bot_from_its_open_positions(away, caplog):
    context = open_context(away, "live")
    assert "started without the memory" in caplog.text and "hunter2" not in caplog.text
    assert waiting(context.memory, "live") == []  # its own file is there: no fill is lost
    assert open_engine(context.database) is not context.memory.engine


def test_a_backtest_does_not_start_without_its_shared_memory(away):
    with pytest.raises(MemoryAway, match=r"bots:\*\*\*@127.0.0.1:9/memory could not be used"):
        open_context(away, "backtest:a")


def test_an_address_of_a_wrong_type_is_refused_without_being_repeated():
    with pytest.raises(ConfigError, match=r"database_url = \*\*\*") as refused:
        settings_of({"experience_config": {"rag_config": {"database_url": [NOBODY]}}})
    assert "hunter2" not in str(refused.value)

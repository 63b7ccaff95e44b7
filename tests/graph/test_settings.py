"""Settings: unknown keys, wrong values, secrets, defaults."""

import traceback

import pytest
from pydantic import BaseModel

from candlegraph.graph.schema.errors import ConfigError
from candlegraph.graph.settings.settings import Settings, settings_of


@pytest.mark.parametrize(
    "config, key, hint",
    [
        ({"risk_management": {"max_leverge": 3}}, "risk_management.max_leverge", "did you mean 'max_leverage'?"),
        ({"llm_config": {"api_bse": "x"}}, "llm_config.api_bse", "did you mean 'api_base'?"),
        (
            {"llm_config": {"decision": {"max_repair": 1}}},
            "llm_config.decision.max_repair",
            "did you mean 'max_repairs'?",
        ),
        (
            {"experience_config": {"rag_config": {"vector_store": {"topk": 3}}}},
            "experience_config.rag_config.vector_store.topk",
            "did you mean 'top_k'?",
        ),
        (
            {"experience_config": {"rag_config": {"ranking": {"recency_weight": 0.1}}}},
            "experience_config.rag_config.ranking.recency_weight",
            "no counterpart: winners and losers are shown by their share of the similar trades, the most similar of "
            "each",
        ),
        (
            {"context_config": {"zzz": 1}},
            "context_config.zzz",
            "valid: timeframes, required_indicators, max_flat_candles, indicator_history_points, "
            "multi_timeframe_history, language, max_context_tokens, allocation, "
            "sentiment",
        ),
    ],
)
def test_an_unknown_key_is_refused_with_the_nearest_valid_one(config, key, hint):
    with pytest.raises(ConfigError) as caught:
        settings_of(config)
    assert str(caught.value) == f"config: {key}: unknown key; {hint}"


@pytest.mark.parametrize(
    "config, key, value",
    [
        ({"risk_management": {"max_leverage": 101}}, "risk_management.max_leverage", "101"),
        ({"risk_management": {"max_risk_per_trade_pct": float("nan")}}, "max_risk_per_trade_pct", "nan"),
        ({"llm_config": {"temperature": "hot"}}, "llm_config.temperature", "'hot'"),
        ({"llm_config": {"decision": {"max_repairs": -1}}}, "llm_config.decision.max_repairs", "-1"),
        ({"context_config": {"timeframes": []}}, "context_config.timeframes", "[]"),
        ({"experience_config": 5}, "experience_config", "5"),
    ],
)
def test_a_wrong_value_is_refused_with_key_value_and_what_is_valid(config, key, value):
    with pytest.raises(ConfigError) as caught:
        settings_of(config)
    assert f"{key} = {value}: Input should be" in str(caught.value) or f"{key} = {value}: Tuple should" in str(
        caught.value
    )


def test_every_mistake_is_named_at_once():
    with pytest.raises(ConfigError) as caught:
        settings_of({"risk_management": {"max_leverage": 0, "stop": 1}, "llm_config": {"timeout": 0}})
    assert len(str(caught.value).splitlines()) == 3


def test_settings_do_not_change():
    with pytest.raises(ValueError, match="frozen"):
        settings_of({}).risk_management.max_leverage = 3


@pytest.mark.parametrize(
    "llm", [{"api_key": ["sk-secret"]}, {"api_keyy": "sk-secret"}, {"api_key": "sk-secret", "timeout": -1}]
)
def test_an_error_never_shows_the_key_not_even_in_its_traceback(llm):
    with pytest.raises(ConfigError) as caught:
        settings_of({"llm_config": llm})
    assert "sk-secret" not in "".join(traceback.format_exception(caught.value))


def test_an_error_never_shows_the_address_that_keeps_a_monitor_quiet():
    given = {"monitoring": {"ping_url": "sk-secret"}}
    with pytest.raises(ConfigError, match=r"monitoring.ping_url = \*\*\*: expected an address") as caught:
        settings_of(given)
    assert "sk-secret" not in "".join(traceback.format_exception(caught.value))


def test_the_key_is_never_shown():
    settings = settings_of({"llm_config": {"api_key": "sk-secret"}})
    shown = (repr(settings), str(settings), settings.model_dump_json(), str(settings.model_dump()))
    assert not any("sk-secret" in text for text in shown)
    assert settings.llm_config.api_key.get_secret_value() == "sk-secret"


def test_what_is_not_ours_in_the_configuration_is_left_alone():
    assert settings_of({"exchange": {"name": "binance"}, "stake_amount": 5}) == Settings()


def test_a_given_block_counts_and_the_others_keep_their_defaults():
    settings = settings_of({"risk_management": {"max_leverage": 7}})
    assert settings.risk_management.max_leverage == 7
    assert settings.llm_config == Settings().llm_config


def blocks(model, path=()):
    yield path, model
    for name, field in model.model_fields.items():
        if isinstance(field.annotation, type) and issubclass(field.annotation, BaseModel):
            yield from blocks(field.annotation, (*path, name))


@pytest.mark.parametrize(
    "path, block", list(blocks(Settings)), ids=lambda value: ".".join(value) if isinstance(value, tuple) else ""
)
def test_every_default_is_valid_and_may_be_written_out(path, block):
    written = block().model_dump()
    assert block.model_validate(written) == block()
    for key in reversed(path):
        written = {key: written}
    assert settings_of(written) == Settings()

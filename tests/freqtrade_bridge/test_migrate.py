"""`candlegraph migrate` on the earlier system's configuration and on others of its kind."""

import json
import shutil
import stat
from pathlib import Path

import pytest

from candlegraph.freqtrade_bridge.commands.main import main
from candlegraph.freqtrade_bridge.migration.blocks import migrated
from candlegraph.graph.settings.moved_keys import FATES
from candlegraph.graph.settings.settings import Settings, settings_of

OLD = {
    "timeframe": "30m",
    "trading_mode": "futures",
    "margin_mode": "isolated",
    "exchange": {"name": "binance", "key": "", "secret": ""},
    "llm_config": {"api_base": "http://h:1", "api_key": "sk-secret-llm", "model": "m", "temperature": 0.7},
    "experience_config": {
        "enable_rag": True,
        "log_decisions": False,
        "log_trades": True,
        "rag_config": {
            "embedding": {
                "model_name": "e",
                "api_url": "http://h:1",
                "api_key": "sk-secret-llm",
                "api_type": "openai",
                "dimension": 1024,
                "batch_size": 8,
            },
            "vector_store": {"index_type": "flat", "storage_path": "./x/vector_store"},
            "similarity_threshold": 0.6,
            "top_k": 7,
            "enable_reward_learning": True,
            "min_trades_for_learning": 12,
        },
    },
    "risk_management": {"max_leverage": 20, "emergency_stop_loss": -0.2},
    "context_config": {
        "max_context_tokens": 6000,
        "include_multi_timeframe_data": True,
        "indicator_history_points": 20,
        "multi_timeframe_history": {"1h": {"candles": 9}, "4h": {"candles": 9}, "1d": {"candles": 9}},
        "allocation": {
            "system_prompt": 501,
            "current_market": 801,
            "account_info": 201,
            "technical_indicators": 1001,
            "rag_similar_trades": 1501,
            "multi_timeframe": 2001,
        },
    },
}


def changed(**paths):
    """Return the old form with keys set, `a__b=value`, or taken out, `a__b=...`."""
    config = json.loads(json.dumps(OLD))
    for path, value in paths.items():
        *blocks, name = path.split("__")
        block = config
        for one in blocks:
            block = block.setdefault(one, {})
        if value is ...:
            block.pop(name)
        else:
            block[name] = value
    return config


def settings(old):
    return settings_of(migrated(old).config)


@pytest.fixture
def folder(tmp_path, monkeypatch):
    """Return an empty folder that is the present one."""
    monkeypatch.chdir(tmp_path)
    return tmp_path


def test_the_earlier_systems_configuration_is_refused_with_the_very_command_and_that_command_mends_it(folder, capsys):
    file = folder / "config.json"
    file.write_text("// mine\n" + json.dumps(OLD))
    assert main(["check", "-c", "config.json"]) == 1
    said = capsys.readouterr().err
    assert "Run: candlegraph migrate config.json\n" in said
    assert "api_type: unknown key; it moved to experience_config.rag_config.embedding.provider" in said
    assert "did you mean" not in said and "pydantic" not in said
    before = file.read_bytes()
    assert main(["migrate", "config.json"]) == 0
    told = capsys.readouterr().out
    assert file.read_bytes() == before
    assert "sk-secret" not in told + (folder / "config.candlegraph.json").read_text()
    assert (folder / ".env").read_text() == "CANDLEGRAPH_API_KEY=sk-secret-llm\n"
    assert stat.S_IMODE((folder / ".env").stat().st_mode) == 0o600
    assert main(["check", "-c", "config.candlegraph.json"]) == 0


def test_every_key_has_a_row_and_none_is_lost(folder, capsys):
    (folder / "c.json").write_text(json.dumps(OLD))
    main(["migrate", "c.json"])
    rows = {line.split()[0] for line in capsys.readouterr().out.splitlines() if "_config." in line.split("  ")[0]}
    assert FATES.keys() <= rows
    assert {"llm_config.model", "experience_config.log_decisions"} <= rows


def test_values_arrive_under_their_new_names():
    new = settings(OLD)
    experience, context = new.experience_config, new.context_config
    assert (experience.use_experience, experience.log_decisions, experience.min_trades_for_learning) == (
        True,
        False,
        12,
    )
    rag = experience.rag_config
    assert (rag.embedding.model, rag.embedding.api_base, rag.embedding.provider) == ("e", "http://h:1", "openai")
    assert (rag.vector_store.similarity_threshold, rag.vector_store.top_k) == (0.6, 7)
    assert rag.vector_store.storage_path == "./x/vector_store"
    shares = context.allocation
    assert (shares.system, shares.current_market, shares.account) == (501, 801, 201)
    assert (shares.indicator_history, shares.similar_trades, shares.multi_timeframe) == (1001, 1501, 2001)


def test_every_fate_leads_to_a_key_that_exists():
    for fate in FATES.values():
        block = Settings
        for part in fate.to.split(".") if fate.to else ():
            assert part in block.model_fields, fate.to
            block = block.model_fields[part].annotation


@pytest.mark.parametrize("text, number", [("20", 20), ("20.0", 20), (20, 20)])
def test_a_number_in_quotes_becomes_a_number(text, number):
    new = migrated(changed(risk_management__max_leverage=text))
    assert new.config["risk_management"]["max_leverage"] == number
    assert not isinstance(new.config["risk_management"]["max_leverage"], str)


@pytest.mark.parametrize("word, truth", [("false", False), ("true", True), ("False", False), (0, False), (1, True)])
def test_a_truth_may_be_a_word_or_a_number(word, truth):
    new = migrated(changed(experience_config__enable_rag=word))
    assert settings_of(new.config).experience_config.use_experience is truth


@pytest.mark.parametrize(
    "changes, key",
    [
        ({"risk_management__max_leverage": 125}, "risk_management.max_leverage"),
        ({"risk_management__emergency_stop_loss": 15}, "risk_management.emergency_stop_loss"),
        ({"llm_config__temperature": "hot"}, "llm_config.temperature"),
        ({"llm_config__timeout": None}, "llm_config.timeout"),
        ({"experience_config__rag_config__top_k": 500}, "experience_config.rag_config.top_k"),
        ({"experience_config__enable_rag": "maybe"}, "experience_config.enable_rag"),
        ({"context_config__allocation__account_info": -1}, "context_config.allocation.account_info"),
        ({"context_config": None}, "context_config"),
        ({"llm_config": []}, "llm_config"),
        ({"experience_config__rag_config": "x"}, "experience_config.rag_config"),
    ],
)
def test_a_value_that_is_not_valid_here_is_left_out_and_said(changes, key):
    new = migrated(changed(**changes))
    assert new.rows[key].became == "left out" and "not valid" in new.rows[key].how
    settings_of(new.config)


@pytest.mark.parametrize("block", ["llm_config", "experience_config", "risk_management", "context_config", "exchange"])
def test_a_block_may_be_missing(block):
    settings(changed(**{block: ...}))


def test_an_unknown_key_is_left_out_and_only_a_slip_gets_a_suggestion():
    new = migrated(changed(llm_config__temprature=1, llm_config__streaming=True, llm_config__auth={"token": "sk-x"}))
    rows = new.rows
    assert rows["llm_config.temprature"].how == "not known here; did you mean 'temperature'?"
    assert rows["llm_config.streaming"].how == rows["llm_config.auth"].how == "not known here"
    assert "sk-x" not in json.dumps(new.config) + repr(new.rows)


@pytest.mark.parametrize(
    "timeframe, history, several, chosen",
    [
        ("30m", {"1h": {}, "4h": {}, "1d": {}}, True, ("30m", "1h", "4h", "1d")),
        ("15m", ..., True, ("15m", "1h", "4h", "1d")),
        ("1h", {"15m": {}, "1d": {}, "4h": {}}, True, ("1h", "4h", "1d")),
        ("5m", {"1h": {}}, "true", ("5m", "1h")),
        ("30m", {"1h": {}}, False, ("30m",)),
        ("30m", {"1h": {}}, "false", ("30m",)),
    ],
)
def test_the_timeframes_begin_with_freqtrades_and_go_up(timeframe, history, several, chosen):
    old = changed(
        timeframe=timeframe,
        context_config__multi_timeframe_history=history,
        context_config__include_multi_timeframe_data=several,
    )
    assert settings(old).context_config.timeframes == chosen


@pytest.mark.parametrize(
    "kind, address, provider",
    [
        ("openai", "http://h", "openai"),
        ("Ollama", "http://h", "ollama"),
        ("lm-studio", "http://h", "openai"),
        (..., "http://h", "openai"),
        ("openai", ..., "none"),
    ],
)
def test_the_kind_of_embedding_becomes_a_provider(kind, address, provider):
    path = "experience_config__rag_config__embedding__"
    old = changed(**{f"{path}api_type": kind, f"{path}api_url": address})
    assert settings(old).experience_config.rag_config.embedding.provider == provider


def test_two_keys_of_two_endpoints_never_travel_to_the_other_one():
    new = migrated(changed(experience_config__rag_config__embedding__api_key="sk-secret-2"))
    assert new.secrets == {
        "CANDLEGRAPH_LLM_API_KEY": "sk-secret-llm",
        "CANDLEGRAPH_EMBEDDING_API_KEY": "sk-secret-2",
    }
    read = settings_of(new.config)
    assert read.llm_config.api_key_env == "CANDLEGRAPH_LLM_API_KEY"
    assert read.experience_config.rag_config.embedding.api_key_env == "CANDLEGRAPH_EMBEDDING_API_KEY"


def test_a_key_does_not_travel_to_an_embedding_elsewhere_that_had_none():
    path = "experience_config__rag_config__embedding__"
    new = migrated(changed(**{f"{path}api_key": "", f"{path}api_url": "http://other:2"}))
    assert new.secrets == {"CANDLEGRAPH_LLM_API_KEY": "sk-secret-llm"}


def test_no_secret_stays_in_the_new_form_wherever_it_stood(folder, capsys):
    secrets = [f"s3cr3t-{number}" for number in range(9)]
    old = changed(
        exchange__key=secrets[0],
        exchange__secret=secrets[1],
        exchange__ccxt_config={"apiKey": secrets[2], "enableRateLimit": True},
        telegram={"enabled": True, "token": secrets[3], "chat_id": "123"},
        api_server={"enabled": True, "password": secrets[4], "jwt_secret_key": secrets[5], "ws_token": secrets[6]},
        llm_config__fallbacks=[{"model": "b", "api_key": secrets[7]}],
        llm_config__roles={"reviewer": {"model": "c", "api_key": secrets[8]}},
    )
    (folder / "c.json").write_text(json.dumps(old))
    assert main(["migrate", "c.json"]) == 0
    shown = capsys.readouterr().out + (folder / "c.candlegraph.json").read_text()
    kept = (folder / ".env").read_text()
    assert [(one in shown, one in kept) for one in secrets] == [(False, True)] * len(secrets)
    assert "FREQTRADE__EXCHANGE__CCXT_CONFIG__apiKey=s3cr3t-2" in kept


def test_a_secret_that_freqtrade_would_read_as_a_number_stays_in_a_private_file(folder):
    (folder / "c.json").write_text(json.dumps(changed(exchange__key="1234567890123")))
    main(["migrate", "c.json"])
    new = folder / "c.candlegraph.json"
    assert json.loads(new.read_text())["exchange"]["key"] == "1234567890123"
    assert stat.S_IMODE(new.stat().st_mode) == 0o600


@pytest.mark.parametrize(
    "more",
    [
        {"external_message_consumer": {"producers": [{"name": "p", "ws_token": "in-a-list"}]}},
        {"api_server": {"password": 4711}},
        {"exchange": {"name": "x", "api_pass": "", "secret": "true"}},
    ],
)
def test_a_secret_that_cannot_leave_makes_the_file_private(folder, capsys, more):
    (folder / "c.json").write_text(json.dumps(OLD | more))
    assert main(["migrate", "c.json"]) == 0
    assert stat.S_IMODE((folder / "c.candlegraph.json").stat().st_mode) == 0o600
    assert "in-a-list" not in capsys.readouterr().out


def test_the_password_of_freqtrades_own_database_leaves_too():
    new = migrated(OLD | {"db_url": "postgresql://u:pw@h/d"})
    assert new.secrets["FREQTRADE__DB_URL"] == "postgresql://u:pw@h/d" and "db_url" not in new.config


def test_the_old_form_itself_is_not_touched():
    old = changed(llm_config__fallbacks=[{"model": "b", "api_key": "sk-9"}], context_config=None, timeframe="15m")
    before = json.dumps(old)
    settings_of(migrated(old).config)
    assert json.dumps(old) == before


def test_freqtrades_keys_that_would_refuse_the_start_are_taken_out():
    old = changed(
        stoploss=-0.1, minimal_roi={"0": 1}, order_types={"entry": "limit"}, margin_mode="cross", strategy="Old",
        entry_pricing={"price_side": "same"}, exit_pricing={"price_side": "bid"},
    )  # fmt: skip
    config = migrated(old).config
    assert not {"stoploss", "minimal_roi", "order_types"} & config.keys()
    assert (config["margin_mode"], config["strategy"]) == ("isolated", "CandleGraphStrategy")
    assert (config["entry_pricing"]["price_side"], config["exit_pricing"]["price_side"]) == ("other", "bid")


def test_nothing_is_overwritten_unless_told(folder, capsys):
    (folder / "c.json").write_text(json.dumps(OLD))
    (folder / ".env").write_text("# mine\nOTHER=1\nCANDLEGRAPH_API_KEY=older\n")
    assert main(["migrate", "c.json"]) == 1
    assert "CANDLEGRAPH_API_KEY is there already with another value; --force replaces it" in capsys.readouterr().err
    assert not (folder / "c.candlegraph.json").exists()
    assert main(["migrate", "c.json", "--force"]) == 0
    assert (folder / ".env").read_text() == "# mine\nOTHER=1\nCANDLEGRAPH_API_KEY=sk-secret-llm\n"
    assert main(["migrate", "c.json"]) == 1
    assert "is there already; --force replaces it" in capsys.readouterr().err
    assert main(["migrate", "c.json", "--to", "d.json"]) == 0


def test_several_files_become_one_and_later_ones_win(folder):
    (folder / "a.json").write_text(json.dumps(OLD))
    (folder / "b.json").write_text(json.dumps({"risk_management": {"max_leverage": 4}, "dry_run": True}))
    assert main(["migrate", "a.json", "b.json", "--to", "new.json"]) == 0
    new = json.loads((folder / "new.json").read_text())
    assert (new["risk_management"]["max_leverage"], new["dry_run"], new["timeframe"]) == (4, True, "30m")


def test_the_new_form_stays_as_it_is():
    once = migrated(OLD).config
    assert migrated(once).config == once


def test_the_documented_old_form_is_the_one_that_is_tested():
    shared = Path(__file__).parents[2] / "docs" / "migrate.md"
    assert all(f"`{key.rpartition('.')[2]}`" in shared.read_text(encoding="utf-8") for key in FATES)


def test_an_env_file_that_cannot_be_written_leaves_no_new_form(folder, capsys):
    (folder / "c.json").write_text(json.dumps(OLD))
    (folder / ".env").mkdir()
    assert main(["migrate", "c.json"]) == 1
    assert ".env" in capsys.readouterr().err
    assert not (folder / "c.candlegraph.json").exists()
    shutil.rmtree(folder / ".env")


def test_candles_and_fields_of_a_timeframe_are_carried_and_what_is_unknown_is_said():
    history = {"1h": {"candles": 300, "fields": ["close", "rsi", "vwap"]}, "5m": {"candles": 9}}
    new = migrated(changed(context_config__multi_timeframe_history=history))
    seen = settings_of(new.config).context_config
    one = seen.multi_timeframe_history["1h"]
    assert (one.candles, one.fields, seen.indicator_history_points) == (200, ("close", "rsi"), 20)
    told = new.rows["context_config.multi_timeframe_history"]
    assert told.became == "taken"
    assert told.how.endswith("left out: 5m, 1h.vwap, 1h.candles above 200")

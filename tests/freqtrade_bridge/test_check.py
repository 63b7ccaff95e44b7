"""Settings are looked at first and alone: `candlegraph check`, every command, and the strategy's own start."""

import json
import logging
import subprocess
import sys
from types import SimpleNamespace

import pytest
from freqtrade.enums import RunMode
from freqtrade.exceptions import OperationalException, StrategyError
from freqtrade.persistence import PairLocks
from freqtrade.strategy.strategy_wrapper import strategy_safe_wrapper

from candlegraph.freqtrade_bridge.commands.main import main
from candlegraph.freqtrade_bridge.commands.memory.arguments import KINDS
from candlegraph.freqtrade_bridge.host.quiet import quieten
from candlegraph.freqtrade_bridge.loopback.configuration import base_config
from candlegraph.freqtrade_bridge.strategies.CandleGraphStrategy import HALT_LOCK, CandleGraphStrategy
from candlegraph.graph.schema.lessons import Kind

WAIT = ("signal_wait", {"pair": "BTC/USDT:USDT", "confidence_score": 50, "reason": "connection test"})
HEAVY = (
    "freqtrade.exchange",
    "freqtrade.configuration",
    "pandas",
    "langgraph",
    "langchain_core",
    "faiss",
    "sqlalchemy",
)


@pytest.fixture
def checked(tmp_path, capsys, monkeypatch):
    """Return a function that checks a configuration and returns status and what was said."""
    monkeypatch.chdir(tmp_path)

    def check(config, *words):
        (tmp_path / "c.json").write_text(json.dumps(config))
        status = main(["check", "-c", "c.json", *words])
        said = capsys.readouterr()
        return status, said.out + said.err

    return check


def test_a_sound_configuration_is_called_so(checked):
    status, said = checked(base_config() | {"llm_config": {"model": "m", "api_base": "http://h/v1"}})
    assert status == 0 and said.startswith("c.json: sound\n  model: m at http://h/v1\n")


@pytest.mark.parametrize(
    ("config", "said"),
    [
        ({"llm_config": {"timeout": -1}}, "c.json: llm_config.timeout = -1: Input should be greater than 0"),
        ({"risk_management": {"max_leverge": 3}}, "did you mean 'max_leverage'?"),
        ({"risk_management": {"min_leverage": 3}}, "valid: max_leverage, default_leverage"),
        ({"experience_config": {"keep_newest": 3}}, "it belongs to experience_config.rag_config.cleanup.keep_newest"),
        ({"stoploss": -0.1}, "c.json: stoploss = -0.1: only -0.5 is valid"),
        (
            {"timeframe": "5m", "context_config": {"timeframes": ["30m"]}},
            "c.json: timeframe = '5m': context_config.timeframes must begin with it, was '30m'",
        ),
        ({"timeframe": "5x"}, "c.json: timeframe = '5x': expected one like 30m, 4h or 1d"),
        ({"context_config": {"timeframes": ["30m", "4 h"]}}, "expected timeframes like 30m, 4h or 1d; '4 h' is none"),
        ({"trading_mode": "spot"}, "c.json: trading_mode = 'spot': only 'futures' is valid, spot is not there yet"),
        ({"trading_mode": ""}, "c.json: trading_mode is missing, which freqtrade takes for 'spot': only 'futures' is"),
        ({"margin_mode": ""}, "c.json: margin_mode is missing: only 'isolated' is valid"),
        ({"llm_config": {"api_key_env": "NO_SUCH_KEY"}}, "no such environment variable, nor in .env"),
        ({"experience_config": {"enable_rag": True}}, "it moved to experience_config.use_experience"),
    ],
)
def test_what_is_wrong_is_named_with_file_and_key(checked, config, said):
    status, told = checked(base_config() | config)
    assert status == 1 and said in told
    assert told.startswith("candlegraph: c.json") and "Traceback" not in told


@pytest.mark.parametrize(
    ("main", "above"),
    [("5m", "15m, 1h, 4h"), ("15m", "1h, 4h, 1d"), ("1h", "4h, 1d"), ("4h", "1d"), ("1d", "1w")],
)
def test_timeframes_that_are_not_named_stand_above_freqtrades_own(checked, main, above):
    status, told = checked(base_config() | {"timeframe": main})
    assert status == 0 and f"timeframes {main}, {above}\n" in told


def test_spot_is_refused_in_one_sentence_before_freqtrades_own_error(tmp_path):
    config = {key: value for key, value in base_config().items() if key not in ("trading_mode", "margin_mode")}
    with pytest.raises(OperationalException, match="trading_mode is missing, which freqtrade takes for 'spot'"):
        CandleGraphStrategy(config)


def test_every_mistake_is_named_at_once(checked):
    _, said = checked({"llm_config": {"timeout": -1, "max_tokens": 1}, "risk_management": {"x_y_z": 1}})
    assert len(said.splitlines()) == 3


def test_a_variable_of_the_environment_is_named(checked, monkeypatch):
    monkeypatch.setenv("FREQTRADE__RISK_MANAGEMENT__MAX_LEVERAGE", "900")
    assert "FREQTRADE__RISK_MANAGEMENT__MAX_LEVERAGE: risk_management.max_leverage = 900" in checked(base_config())[1]


def test_a_secret_in_a_wrong_place_is_not_shown(checked):
    for llm in ({"roles": [{"api_key": "sk-planted"}]}, {"api_key": ["sk-planted"]}, {"api_key_env": ["sk-planted"]}):
        status, said = checked({"llm_config": llm})
        assert status == 1 and "sk-planted" not in said


def test_a_check_loads_nothing_heavy(tmp_path):
    (tmp_path / "c.json").write_text(json.dumps(base_config()))
    code = "import sys; from candlegraph.freqtrade_bridge.commands.main import main; assert main(sys.argv[2:]) == 0; "
    code += "print([name for name in sys.argv[1].split() if name in sys.modules])"
    words = [sys.executable, "-c", code, " ".join(HEAVY), "check", "-c", str(tmp_path / "c.json")]
    done = subprocess.run(words, capture_output=True, text=True, check=False)
    assert done.stdout.splitlines()[-1] == "[]", done.stderr


def test_the_help_texts_kinds_are_the_memorys():
    assert KINDS == Kind.__args__


def test_one_real_call_shows_that_the_model_answers(checked, server):
    server.script = [{"tools": [WAIT]}]
    status, said = checked(base_config() | {"llm_config": {"model": "m", "api_base": server.url}}, "--model")
    assert status == 0 and "it called signal_wait after" in said
    assert len(server.seen) == 1


@pytest.mark.parametrize(
    "script, told",
    [
        ({"text": "I am well"}, "not with a call of signal_wait"),
        ({"status": 401}, "401"),
    ],
)
def test_a_model_that_does_not_answer_so_is_no_success(checked, server, script, told):
    server.script = [script]
    llm = {"model": "m", "api_base": server.url, "retry_times": 0}
    status, said = checked(base_config() | {"llm_config": llm}, "--model")
    assert status == 1 and told in said and "Traceback" not in said


@pytest.mark.parametrize(
    "words",
    [
        ["backtest", "--datadir", "nowhere", "--pairs", "A/B", "--timerange", "2025-", "--offline"],
        ["decide", "--pair", "A/B", "--at", "2025-01-01"],
        ["brief", "--pair", "A/B", "--at", "2025-01-01"],
        ["memory", "stats"],
        ["memory", "import", "nowhere.jsonl"],
    ],
)
def test_every_command_looks_at_its_configuration_first(tmp_path, capsys, monkeypatch, words):
    monkeypatch.chdir(tmp_path)
    (tmp_path / "c.json").write_text('{"llm_config": {"timeout": -1}}')
    assert main([*words, "-c", "c.json"]) == 1
    assert capsys.readouterr().err.startswith("candlegraph: c.json: llm_config.timeout = -1")
    assert [one.name for one in tmp_path.iterdir()] == ["c.json"]


def loaded(tmp_path, **config):
    """Return a configuration as freqtrade hands it to a strategy."""
    file = tmp_path / "c.json"
    file.write_text(json.dumps(config))
    return base_config() | config | {"config_files": [str(file)], "original_config": config, "user_data_dir": tmp_path}


def test_the_strategy_refuses_a_bad_configuration_before_anything_else_without_a_trace(tmp_path):
    with pytest.raises(OperationalException) as caught:
        CandleGraphStrategy(loaded(tmp_path, llm_config={"timeout": -1}))
    assert str(caught.value).startswith(f"{tmp_path / 'c.json'}: llm_config.timeout = -1")
    assert caught.value.__suppress_context__


def test_the_strategy_names_the_command_for_the_earlier_systems_form(tmp_path):
    with pytest.raises(OperationalException, match=f"candlegraph migrate {tmp_path / 'c.json'}"):
        CandleGraphStrategy(loaded(tmp_path, experience_config={"enable_rag": True}))


def test_what_stops_the_start_later_is_one_message_too(tmp_path, caplog):
    config = loaded(tmp_path, llm_config={"model": "gpt-x"}) | {"runmode": RunMode.DRY_RUN}
    strategy = CandleGraphStrategy(config)
    strategy.wallets = object()  # a bot has some; a chart has none
    with pytest.raises(StrategyError, match="llm_config.model = 'gpt-x' needs llm_config.api_base"):
        strategy_safe_wrapper(strategy.bot_start)()
    assert [record.exc_info for record in caplog.records if record.levelno >= logging.WARNING] == [None]


def test_faiss_does_not_name_the_builds_that_it_has_not(monkeypatch):
    monkeypatch.setattr(logging.getLogger("faiss.loader"), "level", logging.NOTSET)
    quieten()
    assert not logging.getLogger("faiss.loader").isEnabledFor(logging.INFO)


@pytest.mark.parametrize("is_locked", [False, True])
def test_a_first_start_releases_a_lock_only_where_there_is_one(is_locked, as_of, monkeypatch):
    class Watched(CandleGraphStrategy):
        released: list = []

        def unlock_reason(self, reason):
            self.released.append(reason)

    strategy = object.__new__(Watched)
    strategy.released = []
    strategy.session = SimpleNamespace(guard=SimpleNamespace(halt=None))
    monkeypatch.setattr(PairLocks, "use_db", False)
    monkeypatch.setattr(PairLocks, "timeframe", "30m")
    try:
        PairLocks.reset_locks()
        if is_locked:
            PairLocks.lock_pair("*", as_of.replace(year=2100), HALT_LOCK, now=as_of)
        strategy._announce_halt(as_of)
    finally:
        PairLocks.reset_locks()
    assert strategy.released == ([HALT_LOCK] if is_locked else [])

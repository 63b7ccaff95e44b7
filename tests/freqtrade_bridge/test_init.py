"""`candlegraph init`: from an empty folder to a configuration that every other command takes."""

import io
import json
import re
import stat

import pytest
import rapidjson
from freqtrade import exchange as exchanges
from freqtrade.configuration.config_validation import validate_config_schema
from freqtrade.enums import MarginMode, TradingMode

from candlegraph.freqtrade_bridge.commands.main import main
from candlegraph.freqtrade_bridge.commands.operations.first_config import CURRENCIES, PROFILES
from candlegraph.freqtrade_bridge.host.configuration_files import PARSE_MODE, read_files
from candlegraph.freqtrade_bridge.host.environment_file import read_variables
from candlegraph.graph.schema.errors import ConfigError

BTC, ETH = "BTC/USDT:USDT", "ETH/USDT:USDT"
PASSWORDS = (
    "FREQTRADE__API_SERVER__PASSWORD",
    "FREQTRADE__API_SERVER__JWT_SECRET_KEY",
    "FREQTRADE__API_SERVER__WS_TOKEN",
)


@pytest.fixture
def init(tmp_path, monkeypatch, capsys):
    """Return a function that runs `init` in an empty folder and returns status and what was said."""
    monkeypatch.chdir(tmp_path)

    def run(*words):
        status = main(["init", *words])
        said = capsys.readouterr()
        return status, said.out + said.err

    return run


def written(folder):
    return rapidjson.loads((folder / "config.json").read_text(), parse_mode=PARSE_MODE)


def test_without_a_terminal_it_takes_the_prudent_way_and_says_what_to_type_next(init, tmp_path):
    status, said = init()
    assert status == 0
    config = written(tmp_path)
    assert config["exchange"]["pair_whitelist"] == [BTC, ETH, "SOL/USDT:USDT"]
    assert (config["dry_run"], config["risk_management"]["max_leverage"]) == (True, 3)
    api = config["api_server"]
    assert (api["listen_ip_address"], api["listen_port"]) == ("127.0.0.1", 8086)
    next_commands = re.findall(r"^  candlegraph (.+?)  ", said, re.MULTILINE)
    assert next_commands == ["doctor -c config.json", "start -c config.json", "status"]


def test_no_secret_is_in_the_configuration_or_in_what_is_said(init, tmp_path):
    _, said = init()
    found = read_variables(tmp_path / ".env")
    assert set(found) == set(PASSWORDS)
    assert stat.S_IMODE((tmp_path / ".env").stat().st_mode) == 0o600
    for secret in found.values():
        assert len(secret) >= 24 and secret not in said and secret not in (tmp_path / "config.json").read_text()


@pytest.mark.parametrize("risk", PROFILES)
def test_check_and_freqtrades_schema_take_it(init, tmp_path, capsys, risk):
    init("--risk", risk)
    assert main(["check", "-c", "config.json"]) == 0
    assert "config.json: sound" in capsys.readouterr().out
    validate_config_schema(read_files([tmp_path / "config.json"]).merged)  # with what `check` has read from .env


def test_a_bolder_profile_risks_more():
    assert [values[3] for values in PROFILES.values()] == sorted(values[3] for values in PROFILES.values())


def test_what_is_named_is_written(init, tmp_path):
    words = ["new", "--exchange", "hyperliquid", "--pairs", "btc", "ETH/USDC:USDC", "--model", "m-1"]
    status, said = init(*words, "--api-base", "http://h/v1", "--risk", "bold")
    config = written(tmp_path / "new")
    assert status == 0 and config["exchange"]["pair_whitelist"] == ["BTC/USDC:USDC", "ETH/USDC:USDC"]
    assert config["stake_currency"] == "USDC" and config["max_open_trades"] == 5
    assert (config["llm_config"]["model"], config["llm_config"]["api_base"]) == ("m-1", "http://h/v1")
    assert "CANDLEGRAPH_API_KEY" in said and "cd new && candlegraph doctor" in said
    names = re.findall(r"^FREQTRADE__EXCHANGE__(\w+)=$", (tmp_path / "new" / ".env").read_text(), re.MULTILINE)
    assert names == ["WALLET_ADDRESS", "PRIVATE_KEY"]


@pytest.mark.parametrize(
    ("words", "said"),
    [
        (["--pairs", "BTC-USDT"], "init: pair 'BTC-USDT': expected one like BTC or BTC/USDT:USDT, as binance names it"),
        (["--model", "gpt"], "init: model 'gpt': expected --api-base URL too, or --model policy or local"),
        (["--api-base", "http://h/v1"], "init: --api-base: 'policy' asks no endpoint"),
    ],
)
def test_what_cannot_be_is_refused_and_nothing_is_written(init, tmp_path, words, said):
    status, told = init(*words)
    assert status == 1 and said in told
    assert list(tmp_path.iterdir()) == []


def test_what_is_there_is_replaced_only_by_force_and_other_secrets_stay(init, tmp_path):
    init()
    first = (tmp_path / ".env").read_text()
    (tmp_path / ".env").write_text(first.replace("EXCHANGE__KEY=", "EXCHANGE__KEY=mine"))
    status, said = init("--pairs", "BTC")
    assert status == 1 and "init: config.json and .env: there already; --force replaces it" in said
    assert (tmp_path / ".env").read_text() == first.replace("EXCHANGE__KEY=", "EXCHANGE__KEY=mine")
    assert init("--pairs", "BTC", "--force")[0] == 0
    assert written(tmp_path)["exchange"]["pair_whitelist"] == [BTC]
    found = read_variables(tmp_path / ".env")
    assert found["FREQTRADE__EXCHANGE__KEY"] == "mine"
    assert all(found[name] not in first for name in PASSWORDS)


class Terminal(io.StringIO):
    def isatty(self):
        return True


def test_in_a_terminal_it_asks_until_it_can_read_the_answer(init, tmp_path, monkeypatch):
    typed = "mtgox\nokx\nBTC-USD\nbtc eth\nsome-model\nhttp://127.0.0.1:1/v1\nnormal\n"
    monkeypatch.setattr("sys.stdin", Terminal(typed))
    status, said = init()
    assert "'mtgox': expected one of binance" in said and "pair 'BTC-USD': expected one like BTC" in said
    config = written(tmp_path)
    assert status == 0 and config["exchange"]["name"] == "okx" and config["llm_config"]["model"] == "some-model"
    assert (config["exchange"]["pair_whitelist"], config["risk_management"]["max_leverage"]) == ([BTC, ETH], 5)


def test_every_exchange_offered_trades_isolated_futures_with_freqtrade():
    for name in CURRENCIES:
        offered = getattr(exchanges, name.capitalize())._supported_trading_mode_margin_pairs
        assert (TradingMode.FUTURES, MarginMode.ISOLATED) in offered, name


def test_the_env_beside_a_configuration_is_read_and_the_shell_wins(tmp_path, monkeypatch, capsys):
    (tmp_path / "c.json").write_text(json.dumps({"add_config_files": [], "trading_mode": "futures"}))
    (tmp_path / ".env").write_text(
        "# mine\n\nexport FREQTRADE__MARGIN_MODE='isolated'\nFREQTRADE__TIMEFRAME=5x # no\nEMPTY=\n"
    )
    monkeypatch.setenv("FREQTRADE__TIMEFRAME", "1h")
    assert main(["check", "-c", str(tmp_path / "c.json")]) == 0
    assert "timeframes 1h" in capsys.readouterr().out


@pytest.mark.parametrize("line", ["no variable", "A='open", "A=two words"])
def test_a_line_that_is_no_variable_is_named_by_its_number_and_not_shown(tmp_path, line):
    (tmp_path / ".env").write_text(f"OK=1\n{line}\n")
    with pytest.raises(ConfigError, match="line 2: expected NAME=value") as caught:
        read_variables(tmp_path / ".env")
    assert line not in str(caught.value)

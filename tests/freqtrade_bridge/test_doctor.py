"""`candlegraph doctor` names each planted fault, and finds none in a bot that is well; on the loopback account."""

import json
import os
import shutil
import socket
import sqlite3
import threading
import time
from collections import namedtuple
from contextlib import closing
from datetime import UTC, datetime, timedelta
from decimal import Decimal
from importlib import metadata
from pathlib import Path

import markets
import pytest
from embedding_server import EmbeddingServer

from candlegraph.freqtrade_bridge.audit.seen import HeldPosition, Look, Stop
from candlegraph.freqtrade_bridge.commands.doctor import report
from candlegraph.freqtrade_bridge.commands.doctor.account import strange
from candlegraph.freqtrade_bridge.commands.doctor.diagnosis import Patient
from candlegraph.freqtrade_bridge.commands.doctor.market import opened
from candlegraph.freqtrade_bridge.commands.doctor.report import examined
from candlegraph.freqtrade_bridge.commands.main import main
from candlegraph.freqtrade_bridge.host.pause_file import PauseFile
from candlegraph.freqtrade_bridge.loopback.account.door import KEY, SECRET
from candlegraph.freqtrade_bridge.loopback.account.server import AccountExchange
from candlegraph.freqtrade_bridge.loopback.configuration import base_config, offline_exchange
from candlegraph.freqtrade_bridge.loopback.markets import market_of
from candlegraph.freqtrade_bridge.loopback.server import LoopbackExchange
from candlegraph.graph.settings.places import DATABASE, LOG
from candlegraph.graph.settings.settings import settings_of
from candlegraph.memory.books.account import AccountBook, AccountMark
from candlegraph.memory.embeddings.wording import VERSION
from candlegraph.memory.storage.database import close_engine

BTC, LOW, ZZZ = "BTC/USDT:USDT", "0G/USDT:USDT", "ZZZ/USDT:USDT"
NOW = datetime(2025, 3, 1, tzinfo=UTC)
WAIT = ("signal_wait", {"pair": BTC, "confidence_score": 50, "reason": "connection test"})


def around_now():
    hour = datetime.now(UTC).replace(minute=0, second=0, microsecond=0)
    points = {f"{hour + timedelta(days=days):%Y-%m-%d %H:%M}": 100.0 + days for days in (-1, 2)}
    return markets.drawn(points)


@pytest.fixture(scope="module")
def candles(tmp_path_factory):
    return markets.write(tmp_path_factory.mktemp("candles") / "binance", {BTC: around_now()})


class World:
    """A live bot that is well: its files, its exchange, its database of trades; faults change it."""

    def __init__(self, folder, exchange, candles):
        self.folder, self.exchange = folder, exchange
        self.userdir = folder / "user_data"
        shutil.copytree(candles, self.userdir / "data" / "binance")
        block = {name: value for name, value in exchange.freqtrade_block().items() if name not in ("key", "secret")}
        self.config = base_config() | {
            "dry_run": False,
            "exchange": block | {"pair_whitelist": [BTC]},
            "db_url": f"sqlite:///{folder}/trades.sqlite",
            "llm_config": {"provider": "policy", "model": "policy"},
            "risk_management": {"max_leverage": 5},
        }
        self.secrets = {"FREQTRADE__EXCHANGE__KEY": KEY, "FREQTRADE__EXCHANGE__SECRET": SECRET}
        with closing(sqlite3.connect(folder / "trades.sqlite")) as database:
            database.execute("CREATE TABLE trades (pair TEXT, amount REAL, is_short INTEGER, is_open INTEGER)")
            database.commit()

    def write(self, mode=0o600):
        self.config_file.write_text(json.dumps(self.config))
        env = self.folder / ".env"
        env.write_text("".join(f"{name}={text}\n" for name, text in self.secrets.items()))
        env.chmod(mode)

    @property
    def config_file(self):
        return self.folder / "config.json"

    @property
    def database(self):
        path = self.userdir / DATABASE
        path.parent.mkdir(parents=True, exist_ok=True)
        return path

    def order(self, kind, side, amount, **more):
        known = self.config | {"exchange": self.config["exchange"] | {"key": KEY, "secret": SECRET}}
        patient = Patient((self.config_file,), known, settings_of({}), self.userdir, datetime.now(UTC))
        api = opened(patient, dry_run=False)._api
        return api.create_order(BTC, kind, side, amount, None, more)

    def verdicts(self):
        """Return what the doctor said of it, but for what is well."""
        found = [one.model_dump() for one in examined([self.config_file], self.userdir)]
        return {(one["name"], one["grade"]): f"{one['what']}; {one['to_do']}" for one in found if one["grade"] != "ok"}


@pytest.fixture
def world(tmp_path, candles, monkeypatch):
    monkeypatch.chdir(tmp_path)
    with AccountExchange([market_of(BTC, around_now())], Decimal(10_000), tmp_path) as exchange:
        yield World(tmp_path, exchange, candles)
    close_engine(tmp_path / "user_data" / DATABASE)


def test_a_bot_that_is_well_gets_no_warning_and_an_answer_within_twenty_seconds_of_work(world, capsys):
    world.write()
    world.order("market", "buy", 2)
    world.order("stop_market", "sell", 2, stopPrice=90.0, reduceOnly=True)
    with closing(sqlite3.connect(world.folder / "trades.sqlite")) as database:
        database.execute("INSERT INTO trades VALUES (?, 2, 0, 1)", (BTC,))
        database.commit()
    before = time.process_time()
    assert main(["doctor", "-c", "config.json", "--json"]) == 0
    assert time.process_time() - before < 20
    found = json.loads(capsys.readouterr().out)
    assert {one["grade"] for one in found} == {"ok"}, found
    assert {one["name"] for one in found} >= {"config", "secrets", "clock", "pairs", "tiers", "keys", "positions"}


def setting(**blocks):
    return lambda world: world.config.update(blocks)


def exchange_says(**changes):
    return lambda world: world.config["exchange"].update(changes)


def rights(**changes):
    return lambda world: world.exchange.door.books.rights.update(changes)


def clock_off(world):
    world.exchange.trouble.skew_ms = 4000


def down(world):
    world.exchange.trouble.is_down = True


def without_keys(world):
    world.secrets.clear()


def wrong_key(world):
    world.secrets["FREQTRADE__EXCHANGE__KEY"] = "another"


def key_in_the_file(world):
    world.config["exchange"]["secret"] = SECRET


def unknown_position(world):
    world.write()
    world.order("market", "sell", 2)
    world.order("stop_market", "buy", 2, stopPrice=110.0, reduceOnly=True)


def position_without_stop(world):
    world.write()
    world.order("market", "buy", 2)


def gap_in_the_candles(world):
    path = world.userdir / "data" / "binance" / "futures" / "BTC_USDT_USDT-30m-futures.feather"
    frame = markets.pd.read_feather(path)
    frame.drop(index=range(100, 107)).reset_index(drop=True).to_feather(path)


def damaged_candles(world):
    (world.userdir / "data" / "binance" / "futures" / "BTC_USDT_USDT-30m-futures.feather").write_bytes(b"no candles")


def damaged_memory(world):
    AccountBook(world.database)
    close_engine(world.database)
    raw = bytearray(world.database.read_bytes())
    raw[4096:20000] = b"\xff" * (20000 - 4096)
    world.database.write_bytes(raw)


def halted(world):
    mark = AccountMark(peak=1000, day="2025-03-01", day_equity=1000, reason="emergency stop at noon")
    AccountBook(world.database).keep("live", mark)


def paused(world):
    PauseFile(world.userdir).begin("news")


FAULTS = {
    "an unsound key": (setting(risk_management={"max_leverge": 3}), "config", "FAIL", "did you mean 'max_leverage'"),
    "a stoploss of freqtrade's": (setting(stoploss=-0.1), "config", "FAIL", "only -0.5 is valid"),
    "a secret in the file": (key_in_the_file, "secrets", "warn", "exchange.secret: in a configuration file"),
    "an API for everybody": (
        setting(api_server={"enabled": True, "listen_ip_address": "0.0.0.0", "listen_port": 1, "password": "p",
                            "jwt_secret_key": "j"}),
        "api", "warn", "listens on 0.0.0.0",
    ),
    "no keys": (without_keys, "keys", "FAIL", "there is no key or no secret; FREQTRADE__EXCHANGE__KEY"),
    "a wrong key": (wrong_key, "keys", "FAIL", "AuthenticationError"),
    "a right to withdraw": (rights(enableWithdrawals=True), "keys", "FAIL", "they may withdraw"),
    "no right to futures": (rights(enableFutures=False), "keys", "FAIL", "they may not trade futures"),
    "keys from anywhere": (rights(ipRestrict=False), "keys", "warn", "they work from every address"),
    "a clock that is off": (clock_off, "clock", "FAIL", "4.0 s behind Binance; it refuses signed requests"),
    "an exchange that is down": (down, "exchange", "FAIL", "binance: ExchangeNotAvailable"),
    "a pair that is not there": (
        exchange_says(pair_whitelist=[BTC, "OLD/USDT:USDT"]), "pairs", "FAIL", "OLD/USDT:USDT: Binance has no such",
    ),
    "an unknown position": (unknown_position, "positions", "FAIL", "the exchange holds -2, freqtrade knows 0"),
    "a position without a stop": (position_without_stop, "stops", "FAIL", f"{BTC}: no stop covers 2"),
    "a gap in the candles": (gap_in_the_candles, "candles", "warn", f"{BTC} 30m: 7 candles missing"),
    "damaged candles": (damaged_candles, "candles", "FAIL", "cannot be read"),
    "a damaged memory": (damaged_memory, "memory", "FAIL", "is damaged"),
    "a halt": (halted, "account", "warn", "halted: emergency stop at noon; `candlegraph account reset"),
    "a pause": (paused, "bot", "warn", "entries are paused by hand: news; `candlegraph resume` ends it"),
}  # fmt: skip


@pytest.mark.parametrize("fault", FAULTS)
def test_a_planted_fault_is_named_with_what_to_do(world, fault):
    plant, name, grade, said = FAULTS[fault]
    plant(world)
    world.write()
    found = world.verdicts()
    assert said in found[name, grade], found
    assert not any(secret in text for text in found.values() for secret in (SECRET, KEY))


def test_a_wallet_in_a_variable_is_a_key(world):
    world.secrets = {"FREQTRADE__EXCHANGE__WALLET_ADDRESS": "0x1", "FREQTRADE__EXCHANGE__PRIVATE_KEY": "0x2"}
    world.write()
    assert "there is no key" not in world.verdicts()["keys", "FAIL"]  # Binance wants another one


def test_pairs_without_leverage_tiers_or_with_lower_ones_than_ours_are_named(world):
    pairs = [BTC, LOW, ZZZ]
    with LoopbackExchange([market_of(pair, around_now()) for pair in pairs]) as exchange:
        world.config |= {"dry_run": True, "exchange": offline_exchange(exchange.url, pairs)}
        world.config["risk_management"] = {"max_leverage": 80}
        world.write()
        found = world.verdicts()
    assert "ZZZ/USDT:USDT: no leverage tiers known" in found["tiers", "FAIL"]
    assert found["tiers", "warn"].startswith("0G/USDT:USDT 50x: less than max_leverage 80")


def test_a_folder_elsewhere_a_readable_env_and_a_taken_port_are_named(world, monkeypatch):
    with socket.create_server(("127.0.0.1", 0)) as other:
        port = other.getsockname()[1]
        world.config["api_server"] = {"enabled": True, "listen_port": port}
        world.write(mode=0o644)
        (world.folder / "elsewhere").mkdir()
        monkeypatch.chdir(world.folder / "elsewhere")
        found = list(examined([Path("../config.json")], None))
    told = {one.name: one.line for one in found if one.grade == "FAIL"}
    assert "can be read by others, mode 644; chmod 600 ../.env" in told["secrets"]
    assert f"a bot started here would know none of its trades; cd {world.folder}" in told["folder"]
    assert {one.what for one in found if one.name == "api"} >= {
        "no password and no jwt_secret_key", f"port {port}: another program has it",
    }  # fmt: skip


def test_a_log_that_root_once_wrote_is_named(world, monkeypatch):
    log, access = world.userdir / LOG, os.access
    log.parent.mkdir()
    log.touch()
    world.write()
    monkeypatch.setattr(os, "access", lambda path, mode: path != log and access(path, mode))  # tests may run as root
    assert world.verdicts()["folder", "FAIL"].startswith(f"{log} cannot be written; was the bot once started by root?")


def test_a_full_disk_and_another_version_are_named(world, monkeypatch):
    world.write()
    usage = namedtuple("usage", "total used free")(10**12, 10**12, 10**8)
    version = metadata.version
    monkeypatch.setattr(shutil, "disk_usage", lambda path: usage)
    monkeypatch.setattr(metadata, "version", lambda name: "2026.8" if name == "freqtrade" else version(name))
    found = world.verdicts()
    assert found["disk", "FAIL"].startswith("0.1 GB free; free some")
    assert "freqtrade 2026.8, expected ==2026.9; pip install -r requirements.lock" in found["versions", "FAIL"]


@pytest.mark.parametrize(
    ("answer", "prices", "name", "said"),
    [
        ({"text": "I am well"}, {"m": {"input": 1, "output": 1}}, ("model", "FAIL"), "not with a call of signal_wait"),
        ({"tools": [WAIT]}, {}, ("price", "warn"), "unknown of m: no budget can hold it; llm_config.prices"),
        ({"tools": [WAIT]}, {"m": {"input": 1, "output": 1}}, ("price", "warn"), "nothing limits what a day costs"),
    ],
)
def test_a_model_that_calls_nothing_or_has_no_price_is_named(world, server, answer, prices, name, said):
    world.config["llm_config"] = {"model": "m", "api_base": server.url, "retry_times": 0, "prices": prices}
    server.script = [answer]
    world.write()
    assert said in world.verdicts()[name]


def test_an_embedding_that_is_down_or_has_another_dimension_than_what_is_stored_is_named(world):
    with EmbeddingServer(dimension=8) as text_model:
        block = {"provider": "openai", "model": "e", "api_base": f"{text_model.url}/v1", "timeout": 2}
        world.config["experience_config"] = {"rag_config": {"embedding": block}}
        world.write()
        assert not [name for name, _ in world.verdicts() if name == "embedding"]
        remember_a_vector(world.database, dimension=4)
        assert (
            "dimension 8, stored vectors have 4; `candlegraph memory reembed`" in world.verdicts()["embedding", "FAIL"]
        )
        text_model.status = 500
        assert "status 500" in world.verdicts()["embedding", "FAIL"]


def test_whoever_never_answers_is_named_and_waited_for_no_longer_than_stated(world, monkeypatch):
    monkeypatch.setattr(report, "SECONDS", 0.3)
    threads = set(threading.enumerate())
    with socket.create_server(("127.0.0.1", 0)) as silent:
        url = f"http://127.0.0.1:{silent.getsockname()[1]}"
        world.config["exchange"] = offline_exchange(url, [BTC])
        world.config["llm_config"] = {"model": "m", "api_base": f"{url}/v1"}
        embedding = {"provider": "openai", "model": "e", "api_base": f"{url}/v1"}
        world.config["experience_config"] = {"rag_config": {"embedding": embedding}}
        world.write()
        found = world.verdicts()
        left = [one for one in threading.enumerate() if one not in threads and not one.daemon]
    silence = {name for (name, grade), said in found.items() if "no answer within" in said}
    assert silence == {"exchange", "keys", "model", "embedding"}
    assert left == []  # nobody keeps the process from ending


def test_the_documents_state_how_long_others_are_waited_for():
    told = (Path(report.__file__).parents[3] / "docs" / "operations.md").read_text()
    assert f"waited for at most {report.SECONDS:.0f} seconds" in " ".join(told.split())


def remember_a_vector(path, dimension):
    AccountBook(path)
    with closing(sqlite3.connect(path)) as database:
        values = (f"{VERSION}:openai:e", "0" * 64, dimension, b"0" * 2 * dimension)
        database.execute("INSERT INTO embedding_cache VALUES (?, ?, ?, ?)", values)
        database.commit()


def held(amount, **changes):
    known = {"pair": BTC, "amount": amount, "entry": 100.0, "mark": 100.0, "leverage": 5.0, "updated_at": NOW}
    return HeldPosition(**known | changes)


def stop(amount, side="sell", **changes):
    known = {"id": "7", "pair": BTC, "side": side, "amount": amount, "trigger": 90.0, "placed_at": NOW}
    return Stop(**known | changes)


@pytest.mark.parametrize(
    ("positions", "stops", "known", "said"),
    [
        ([held(1)], [stop(1)], {BTC: 1}, []),
        ([held(-1)], [stop(1, "buy")], {BTC: -1}, []),
        ([held(1)], [stop(0.4), stop(0.6)], {BTC: 1}, []),
        ([held(1)], [stop(9, closes_all=True)], {BTC: 1}, []),
        ([held(1)], [stop(0.4)], {BTC: 1}, ["no stop covers 1"]),
        ([held(1)], [stop(1, "buy")], {BTC: 1}, ["no stop covers 1"]),
        ([held(1)], [stop(1)], {BTC: 0.5}, ["the exchange holds 1, freqtrade knows 0.5"]),
        ([], [stop(1)], {}, ["an orphan, sell 1 at 90, and no position; cancel order 7"]),
        ([], [], {BTC: 1}, ["freqtrade has an open trade, the exchange holds nothing"]),
    ],
)
def test_positions_and_stops_are_held_against_freqtrades_books(positions, stops, known, said):
    found = [one.line for one in strange(Look(at=NOW, positions=tuple(positions), stops=tuple(stops)), known)]
    assert len(found) == len(said) and all(words in line for words, line in zip(said, found, strict=True))

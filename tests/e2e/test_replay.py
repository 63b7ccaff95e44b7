"""A recorded backtest runs again with no model at all, trade for trade, row for row, memory included."""

import json
import shutil
import socket
import subprocess
import sys
from contextlib import contextmanager

import backtests
import pytest

from candlegraph.agents.briefing import system_prompt
from candlegraph.agents.models.policy_server import PolicyServer
from candlegraph.freqtrade_bridge.loopback import server as loopback_server
from candlegraph.graph.errors import BridgeError, CassetteError
from candlegraph.memory.database import experiences, open_engine, reading

LONG, SHORT = "20251010-20251101", "20251115-20251116"
UNEQUAL = {"decision_id", "namespace", "recorded_at", "latency_ms", "mode", "case_ids"}
"""What belongs to one run; `seconds` of the calls are kept with the answers, and equal."""


def recorded(sample, folder, pairs, timerange, **llm):
    with PolicyServer() as server:
        config = {"api_base": server.url, "model": "m", "mode": "record", "cassette": str(folder / "c.sqlite")} | llm
        return backtests.run(sample.datadir, folder / "recorded", pairs, timerange, llm_config=config), config


def replayed(sample, folder, pairs, timerange, config, **llm):
    with nothing_but_the_exchange():
        config = config | {"mode": "replay"} | llm
        return backtests.run(sample.datadir, folder / "replayed", pairs, timerange, llm_config=config)


@contextmanager
def nothing_but_the_exchange():
    """Refuse every connection but those to the loopback exchange of this run."""
    served, refused = [], []
    real_enter, real_connect = loopback_server.LoopbackExchange.__enter__, socket.socket.connect

    def enter(self):
        found = real_enter(self)
        served.append(int(self.url.rsplit(":", 1)[1].split("/")[0]))
        return found

    def connect(self, address):
        if self.family != socket.AF_UNIX and address[1] not in served:
            refused.append(address)
            raise ConnectionRefusedError(f"blocked: {address}")
        return real_connect(self, address)

    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(loopback_server.LoopbackExchange, "__enter__", enter)
        patch.setattr(socket.socket, "connect", connect)
        yield
    assert refused == []


def plain_trades(result):
    return result.trades.drop(columns=[name for name in result.trades if name == "orders" or name.endswith("id")])


def plain_row(row):
    told = row.model_dump(mode="json", exclude=UNEQUAL)
    told["signal"].pop("decision_id")
    for call in told["model_calls"]:
        call.pop("is_replayed")
    return told


def plain_memory(result):
    """Return what was learnt, without the names of the run."""
    context = result.strategy.session.context
    with reading(open_engine(context.database)) as connection:
        docs = [
            context.memory.get(one)
            for one in connection.scalars(experiences.select().with_only_columns(experiences.c.id))
        ]
    told = [one.model_dump(mode="json") for one in docs if one.source.namespace == context.namespace]
    for one in told:
        for name in ("namespace", "decision_id", "key"):
            one["source"].pop(name, None)
    return told


@pytest.fixture(scope="module")
def both(sample, tmp_path_factory):
    """Return a backtest of more than 2,000 decisions, recorded over HTTP, and its replay without any model."""
    folder, pairs = tmp_path_factory.mktemp("replay"), sample.pairs[:2]
    first, config = recorded(sample, folder, pairs, LONG)
    return first, replayed(sample, folder, pairs, LONG, config)


def test_more_than_two_thousand_decisions_were_replayed_and_none_was_asked_for(both):
    first, second = both
    assert len(first.decisions()) == len(second.decisions()) >= 2000
    assert not any(call.is_replayed for row in first.decisions() for call in row.model_calls)
    assert all(call.is_replayed for row in second.decisions() for call in row.model_calls)


def test_the_trade_lists_are_identical(both):
    first, second = map(plain_trades, both)
    assert len(first) > 20
    assert first.equals(second)
    orders = [[{k: v for k, v in order.items() if "id" not in k} for order in one] for one in both[0].trades["orders"]]
    again = [[{k: v for k, v in order.items() if "id" not in k} for order in one] for one in both[1].trades["orders"]]
    assert orders == again


def test_the_ledgers_are_identical(both):
    for first, second in zip(*(result.decisions() for result in both), strict=True):
        assert plain_row(first) == plain_row(second)


def test_the_memories_are_identical_and_were_used(both):
    first, second = map(plain_memory, both)
    assert len(first) > 20
    assert first == second
    assert any(row.case_ids for row in both[1].decisions())


def test_a_replay_in_a_memory_with_other_runs_is_identical_too(sample, tmp_path):
    pairs = sample.pairs[:1]
    first, config = recorded(sample, tmp_path, pairs, "20251010-20251018")
    shutil.copytree(tmp_path / "recorded", tmp_path / "replayed")
    second = replayed(sample, tmp_path, pairs, "20251010-20251018", config)
    assert plain_trades(first).equals(plain_trades(second))
    assert [plain_row(row) for row in first.decisions()] == [plain_row(row) for row in second.decisions()]
    ids = [{one for row in result.decisions() for one in row.case_ids} for result in (first, second)]
    assert ids[0] and not ids[0] & ids[1], "the same cases, under other ids"


CHANGED = """
import json, pathlib, sys
real = pathlib.Path.read_text
def edited(self, *args, **kwargs):
    text = real(self, *args, **kwargs)
    return text.replace("a good decision", "a fine decision") if self.name == "decision.en.md" else text
pathlib.Path.read_text = edited
from candlegraph.agents import briefing
assert "a fine decision" in briefing.system_prompt()
sys.path.insert(0, sys.argv[1])
import backtests
given = json.loads(sys.argv[2])
backtests.run(given["datadir"], given["userdir"], given["pairs"], given["timerange"], llm_config=given["llm"])
"""
"""A process in which the prompt's file has one other word."""


def test_one_changed_word_of_a_prompt_stops_the_replay_at_the_first_candle(sample, tmp_path):
    pairs = sample.pairs[:1]
    _, config = recorded(sample, tmp_path, pairs, SHORT)
    assert "a good decision" in system_prompt()
    given = {
        "datadir": str(sample.datadir),
        "userdir": str(tmp_path / "replayed"),
        "pairs": list(pairs),
        "timerange": SHORT,
        "llm": config | {"mode": "replay"},
    }
    tests = str(backtests.TEST_STRATEGIES.parent)
    done = subprocess.run(
        [sys.executable, "-c", CHANGED, tests, json.dumps(given)], capture_output=True, text=True, check=False
    )
    assert done.returncode != 0
    assert "BTC/USDT:USDT 2025-11-15 00:00 UTC: the decision failed: ReplayMiss" in done.stderr
    assert "changed since it was recorded: prompt_version (" in done.stderr
    assert "), system (" in done.stderr


def test_another_parameter_stops_it_too_and_another_endpoint_does_not(sample, tmp_path):
    pairs = sample.pairs[:1]
    _, config = recorded(sample, tmp_path, pairs, SHORT)
    elsewhere = config | {"api_base": "http://127.0.0.1:9/v1", "timeout": 7, "retry_times": 0, "api_key": "other"}
    assert replayed(sample, tmp_path, pairs, SHORT, elsewhere).decisions()
    with pytest.raises(BridgeError, match=r"ReplayMiss: .*changed since it was recorded: params \("):
        replayed(sample, tmp_path, pairs, SHORT, config, temperature=0.1)


def test_a_replay_without_its_cassette_refuses_to_start(sample, tmp_path):
    with pytest.raises(Exception, match="record one first") as caught:
        backtests.run(sample.datadir, tmp_path, sample.pairs[:1], SHORT, llm_config={"mode": "replay"})
    assert isinstance(caught.value, CassetteError) or "cassette" in str(caught.value)

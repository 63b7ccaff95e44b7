"""A recorded backtest runs again with no model at all, trade for trade, row for row, memory included."""

import json
import re
import shutil
import socket
from contextlib import contextmanager
from pathlib import Path

import backtests
import pytest
from freqtrade.exceptions import StrategyError
from sqlalchemy import select

from candlegraph.agents.models.policy_server import PolicyServer
from candlegraph.agents.prompt import files
from candlegraph.graph.schema.errors import BridgeError
from candlegraph.memory.storage.database import open_engine, reading
from candlegraph.memory.storage.tables import experiences

TEXTS = Path(files.__file__).with_name("texts")
LONG, SOME, SHORT = "20251010-20251031", "20251012-20251014", "20251115-20251116"
UNEQUAL = {"decision_id", "namespace", "recorded_at", "latency_ms", "mode", "case_ids"}
"""What belongs to one run; `seconds` of the calls are kept with the answers, and equal."""


def recorded(sample, folder, pairs, timerange, **llm):
    with PolicyServer() as server:
        config = {"api_base": server.url, "model": "m", "mode": "record", "cassette": str(folder / "c.sqlite")} | llm
        return backtests.run(sample.datadir, folder / "user", pairs, timerange, llm_config=config), config


def replayed(sample, folder, pairs, timerange, config, **llm):
    with nothing_but_the_exchange():
        config = config | {"mode": "replay"} | llm
        return backtests.run(sample.datadir, folder / "user", pairs, timerange, llm_config=config)


@contextmanager
def nothing_but_the_exchange():
    """Refuse every connection but to what starts to listen in here: the loopback exchange of this run."""
    served, refused = set(), []
    listen, connect = socket.socket.listen, socket.socket.connect

    def noted(self, *backlog):
        listen(self, *backlog)
        served.add(self.getsockname()[1])

    def guarded(self, address):
        if self.family != socket.AF_UNIX and address[1] not in served:
            refused.append(address)
            raise ConnectionRefusedError(f"blocked: {address}")
        return connect(self, address)

    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(socket.socket, "listen", noted)
        patch.setattr(socket.socket, "connect", guarded)
        yield
    assert refused == []


def plain_trades(result):
    return result.trades.drop(columns=[name for name in result.trades if name == "orders" or name.endswith("id")])


def plain_orders(result):
    return [[{k: v for k, v in order.items() if "id" not in k} for order in one] for one in result.trades["orders"]]


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
        docs = connection.scalars(select(experiences.c.doc).order_by(experiences.c.id)).all()
    told = [one for one in map(json.loads, docs) if one["source"]["namespace"] == context.namespace]
    return [one | {"source": without(one["source"], "namespace", "decision_id", "key")} for one in told]


def without(known, *names):
    return {name: value for name, value in known.items() if name not in names}


RUNS = [pytest.param(SOME, id="192"), pytest.param(LONG, id="2016", marks=pytest.mark.slow)]


@pytest.fixture(scope="module", params=RUNS)
def both(request, sample, tmp_path_factory):
    """Return decisions recorded over HTTP, and their replay in the same user folder without any model."""
    folder, pairs = tmp_path_factory.mktemp("replay"), sample.pairs[:2]
    first, config = recorded(sample, folder, pairs, request.param)
    return first, replayed(sample, folder, pairs, request.param, config)


def test_every_decision_was_replayed_and_none_was_asked_for(both, request):
    first, second = both
    assert len(first.decisions()) == len(second.decisions()) == int(request.node.callspec.id)
    assert not any(call.is_replayed for row in first.decisions() for call in row.model_calls)
    assert all(call.is_replayed for row in second.decisions() for call in row.model_calls)


def test_the_trade_lists_are_identical(both):
    first, second = map(plain_trades, both)
    assert len(first) >= 3
    assert first.equals(second)
    assert plain_orders(both[0]) == plain_orders(both[1])


def test_the_ledgers_are_identical(both):
    for first, second in zip(*(result.decisions() for result in both), strict=True):
        assert plain_row(first) == plain_row(second)


def test_the_memories_are_identical_and_were_used_though_their_ids_differ(both):
    first, second = map(plain_memory, both)
    assert len(first) >= 3
    assert first == second
    ids = [{one for row in result.decisions() for one in row.case_ids} for result in both]
    assert ids[0] and ids[1] and not ids[0] & ids[1]


@pytest.fixture(scope="module")
def day(sample, tmp_path_factory):
    """Return a pair and the configuration with which one day of it was recorded."""
    pairs = sample.pairs[:1]
    return pairs, recorded(sample, tmp_path_factory.mktemp("day"), pairs, SHORT)[1]


@pytest.fixture
def reworded(tmp_path, monkeypatch):
    """Read the packaged prompts from a copy of them: `reworded(was, now)` writes other words into the decision's."""
    copy = Path(shutil.copytree(TEXTS, tmp_path / "prompt" / "texts"))
    monkeypatch.setattr(files, "files", lambda package: copy.parent)
    files.prompt_text.cache_clear()

    def write(was, now):
        prompt = copy / "decision.en.md"
        assert prompt.read_text().count(was) == 1
        prompt.write_text(prompt.read_text().replace(was, now))

    yield write
    files.prompt_text.cache_clear()


def test_one_changed_word_of_a_prompt_stops_the_replay_at_the_first_candle(sample, tmp_path, day, reworded):
    pairs, config = day
    reworded("Weigh what speaks for", "Weigh what argues for")
    with pytest.raises(BridgeError) as stopped:
        replayed(sample, tmp_path, pairs, SHORT, config)
    assert f"{pairs[0]} 2025-11-15 00:00 UTC: the decision failed: ReplayMiss" in str(stopped.value)
    assert re.search(
        r"no answer of the decision model; changed since it was recorded: "
        r"prompt_version \(\w+ -> \w+\), system \(\w+ -> \w+\)$",
        str(stopped.value),
        re.M,
    )


def test_another_parameter_stops_it_too_and_another_endpoint_does_not(sample, tmp_path, day):
    pairs, config = day
    elsewhere = config | {"api_base": "http://127.0.0.1:9/v1", "timeout": 7, "retry_times": 0, "api_key": "other"}
    assert replayed(sample, tmp_path, pairs, SHORT, elsewhere).decisions()
    with pytest.raises(BridgeError, match=r"ReplayMiss: .*changed since it was recorded: params \(") as caught:
        replayed(sample, tmp_path, pairs, SHORT, config, temperature=0.1)
    assert f"{pairs[0]} 2025-11-15 00:00" in str(caught.value)


def test_a_replay_without_its_cassette_refuses_to_start(sample, tmp_path):
    with pytest.raises(StrategyError, match="record one first"):
        backtests.run(sample.datadir, tmp_path, sample.pairs[:1], SHORT, llm_config={"mode": "replay"})


def test_no_model_server_can_be_reached_from_a_replay(sample, tmp_path, day):
    pairs, config = day
    with PolicyServer() as server, pytest.raises(BridgeError, match="2025-11-15 00:00 UTC: the decision failed"):
        replayed(sample, tmp_path, pairs, SHORT, config | {"api_base": server.url, "retry_times": 0}, mode="live")

"""A command shows its own run or says why there is none: never another's, whichever is the newest."""

import json
import shutil
from concurrent.futures import ThreadPoolExecutor

import backtests
import pytest
from freqtrade.data.btanalysis import get_backtest_resultlist
from pages import Page
from rich.console import Console

from candlegraph.freqtrade_bridge.commands.backtest import report
from candlegraph.freqtrade_bridge.commands.main import main
from candlegraph.freqtrade_bridge.loopback.backtest import BacktestOrder, run_backtest
from candlegraph.freqtrade_bridge.loopback.configuration import base_config, offline_exchange
from candlegraph.freqtrade_bridge.loopback.markets import markets_of_datadir
from candlegraph.freqtrade_bridge.loopback.server import LoopbackExchange
from candlegraph.freqtrade_bridge.session import Session
from candlegraph.graph.settings.places import DATABASE
from candlegraph.memory.books.ledger import Ledger

DAY = "1760227200-1760241600"
"""Four hours of 2025-10-12."""
NO_KEY = {"llm_config": {"api_base": "http://127.0.0.1:9/v1", "model": "m", "api_key_env": "CANDLEGRAPH_NO_SUCH_KEY"}}


@pytest.fixture(scope="module")
def two_at_once(sample, tmp_path_factory):
    """Return the folder of two runs that ran side by side, and their pages by pair."""
    userdir = tmp_path_factory.mktemp("user")

    def page_of(pair):
        order = BacktestOrder(sample.datadir, userdir, (pair,), DAY)
        return report(order, run_backtest(order, offline=True), Console(), is_sample=True)[0]

    with ThreadPoolExecutor(2) as pool:
        return userdir, dict(zip(sample.pairs[:2], pool.map(page_of, sample.pairs[:2]), strict=True))


def test_two_backtests_at_once_in_one_folder_each_show_their_own_decisions(two_at_once):
    for pair, page in two_at_once[1].items():
        read = Page(page)
        shown = read.text + json.dumps(read.data)
        assert {one for one in two_at_once[1] if one in shown} == {pair}


def test_frequi_lists_every_run(two_at_once):
    userdir, pages = two_at_once
    listed = [one["filename"] for one in get_backtest_resultlist(userdir / "backtest_results")]
    assert sorted(listed) == sorted(page.stem for page in pages.values())


@pytest.mark.parametrize(
    ("more", "config", "reason"),
    [
        (["--timerange", "2025x"], {}, 'Incorrect syntax for timerange "2025x"'),
        (["--", "--nonsense"], {}, "unrecognized arguments: --nonsense"),
        (["--", "--export", "none"], {}, "-- --export none: the table is read from the result"),
        ([], NO_KEY, "CANDLEGRAPH_NO_SUCH_KEY"),
    ],
)
def test_a_run_that_has_no_result_says_why_and_shows_no_earlier_one(
    two_at_once, sample, tmp_path, capfd, more, config, reason
):
    userdir, pages = two_at_once
    path = tmp_path / "config.json"
    path.write_text(json.dumps(base_config() | config))
    words = ["--datadir", sample.datadir, "--timerange", DAY, "--userdir", userdir, "--pairs", sample.pairs[0]]
    assert main([*map(str, ["backtest", "--offline", *words, "--config", path]), *more]) == 1
    out, told = capfd.readouterr()
    assert reason in said_last(told)
    assert "What the graph did" not in out
    assert len(list((userdir / "reports").glob("*.html"))) == len(pages)


def test_an_ablation_that_fails_compares_no_earlier_runs(two_at_once, sample, tmp_path, capfd):
    for arm in ("on", "off"):
        shutil.copytree(two_at_once[0] / "backtest_results", tmp_path / "ablation" / arm / "backtest_results")
    words = ["--datadir", sample.datadir, "--timerange", DAY, "--userdir", tmp_path, "--pairs", sample.pairs[2]]
    assert main([*map(str, ["memory", "ablation", "--offline", *words, "--", "--nonsense"])]) == 1
    out, told = capfd.readouterr()
    assert "unrecognized arguments: --nonsense" in said_last(told)
    assert "Memory on against off" not in out


def test_the_pairs_of_the_command_line_are_the_pairs_decided_whatever_the_configuration_lists(sample, tmp_path, capfd):
    first, second, third = sample.pairs
    with LoopbackExchange(markets_of_datadir(sample.datadir, sample.pairs)) as exchange:
        theirs = offline_exchange(exchange.url, [third, first, second]) | {"pair_blacklist": [second]}
        lists = [{"method": "StaticPairList"}, {"method": "OffsetFilter", "offset": 1}]
        path = tmp_path / "config.json"
        path.write_text(json.dumps(base_config() | {"exchange": theirs, "pairlists": lists}))
        words = [
            "--datadir",
            sample.datadir,
            "--timerange",
            DAY,
            "--userdir",
            tmp_path,
            "--pairs",
            second,
            "NO/USDT:USDT",
        ]
        assert main([*map(str, ["backtest", *words, "--config", path])]) == 0
    ledger = Ledger(tmp_path / DATABASE)
    (namespace,) = ledger.namespaces()
    assert {row.pair for row in ledger.rows(namespace)} == {second}
    assert "Not decided: NO/USDT:USDT" in capfd.readouterr().out


def said_last(told):
    """Return candlegraph's own message, which comes after freqtrade's log."""
    return told.rpartition("candlegraph: ")[2]


def test_a_backtest_that_a_person_stops_has_stored_all_that_it_decided(sample, tmp_path, monkeypatch):
    decide, points = Session.decide, iter(range(5))

    def until_stopped(*given):
        if next(points, None) is None:
            raise KeyboardInterrupt
        decide(*given)

    monkeypatch.setattr(Session, "decide", until_stopped)
    with pytest.raises(KeyboardInterrupt):
        backtests.run(sample.datadir, tmp_path, sample.pairs[:1], DAY)
    ledger = Ledger(tmp_path / DATABASE)
    (namespace,) = ledger.namespaces()
    assert len(ledger.rows(namespace)) == 5

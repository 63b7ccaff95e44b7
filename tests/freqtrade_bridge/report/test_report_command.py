"""`candlegraph report`: which run is meant, and what of any kind of run its page says."""

import json
import re
import shutil
import zipfile
from datetime import timedelta

import pytest
from freqtrade.enums import TradingMode
from freqtrade.persistence import Order, Trade, init_db
from pages import Page
from reported import BEGIN, CANDLE, NAMESPACE, made

from candlegraph.freqtrade_bridge.commands.main import main
from candlegraph.graph.settings.experience import SnapshotKeeping
from candlegraph.graph.settings.places import DATABASE
from candlegraph.memory.books.ledger import Ledger
from candlegraph.memory.books.snapshots import SnapshotBook
from candlegraph.memory.store import close_memory, open_memory

BTC = "BTC/USDT:USDT"
CLOSED, OPENED = BEGIN + 20 * CANDLE, BEGIN + 30 * CANDLE


def write_candles(folder, candles, factor=1.0):
    (folder / "futures").mkdir(parents=True)
    for pair, frame in candles.items():
        prices = {name: frame[name] * factor for name in ("open", "high", "low", "close")}
        name = pair.replace("/", "_").replace(":", "_")
        frame.assign(**prices, volume=1.0).to_feather(folder / "futures" / f"{name}-30m-futures.feather")


@pytest.fixture(scope="module")
def userdir(tmp_path_factory):
    """Return the folder of a bot that was backtested in FreqUI, beside candles of another market, and runs dry."""
    folder = tmp_path_factory.mktemp("user")
    evidence, archive = made(450, tmp_path_factory.mktemp("archive"))
    results = folder / "backtest_results"
    results.mkdir()
    shutil.copy(archive, results)
    rows = evidence.decisions
    ledger, memory = Ledger(folder / DATABASE), open_memory(folder / DATABASE)
    dry = [row.model_copy(update={"namespace": "dry_run", "decision_id": f"d{row.decision_id}"}) for row in rows[:150]]
    ledger.append(dry)
    ledger.append(rows)
    for experience in evidence.experiences.values():
        memory.add(experience)
    first = next(row for row in dry if not row.acts)
    kept = {"snapshot": {"as_of": first.as_of.isoformat(), "account": {"equity": 5000.0}}, "settings": {}}
    SnapshotBook(folder / DATABASE, SnapshotKeeping()).keep({first.decision_id: json.dumps(kept)}, BEGIN)
    write_candles(folder / "data" / "another", evidence.candles, factor=2.0)
    write_candles(folder / "data" / "binance", evidence.candles)
    yield folder
    close_memory(folder / DATABASE)


@pytest.fixture
def reported(userdir, capsys):
    def running(*words):
        main(["report", *map(str, words), "--userdir", str(userdir)])
        path = capsys.readouterr().out.partition("Report: ")[2].rpartition(" (")[0]
        return Page(path)

    return running


@pytest.mark.parametrize("word", [None, NAMESPACE, NAMESPACE[-6:], "zip"])
def test_a_run_is_found_by_default_by_a_part_of_its_name_and_by_its_archive(word, reported, userdir):
    words = {None: [], "zip": list((userdir / "backtest_results").glob("*.zip"))}.get(word, [word])
    page = reported(*words)
    assert NAMESPACE in page.text
    assert len(page.data["decisions"]["time"]) == 3 * 149
    assert any(row["case"] for row in page.data["trades"]["rows"])


def test_candles_are_those_that_the_decisions_saw_and_a_reader_is_told_where_there_are_none(reported, userdir):
    close = reported().data["candles"][0]["close"][0]
    other = reported("--datadir", userdir / "data" / "another")
    assert other.data["candles"][0]["close"][0] == pytest.approx(close)
    assert "high" not in other.data["candles"][0]
    assert "No candle file for BTC/USDT:USDT" in other.text


def test_an_unknown_run_is_told_with_those_that_are_known(userdir, capsys):
    assert main(["report", "yesterday", "--userdir", str(userdir)]) == 1
    assert f"no run 'yesterday'; known: {NAMESPACE}, dry_run, backtest-result-made.zip" in capsys.readouterr().err


@pytest.fixture(scope="module")
def strange(tmp_path_factory):
    """Return an archive that freqtrade computed while no graph decided, and how many trades it has."""
    evidence, archive = made(300, tmp_path_factory.mktemp("strange"), seed=3)
    with zipfile.ZipFile(archive) as files:
        document = json.loads(files.read(f"{archive.stem}.json"))
    for name in ("backtest_run_start_ts", "backtest_run_end_ts"):
        document["strategy"]["CandleGraphStrategy"][name] -= 90 * 86_400
    other = archive.with_name("backtest-result-other.zip")
    with zipfile.ZipFile(other, "w") as files:
        files.writestr(f"{other.stem}.json", json.dumps(document))
    return other, len(evidence.result.trades)


def test_an_archive_that_no_graph_decided_has_its_trades_alone(reported, strange):
    archive, trades = strange
    page = reported(archive, "--datadir", archive.parent)
    assert re.search('class="note">[^<]*No decision of this run is in the ledger', page.text)
    assert page.tiles["trades"] == trades


@pytest.fixture
def account(tmp_path):
    """Return the configuration of a dry-run whose database holds one ended and one open trade."""
    url = f"sqlite:///{tmp_path / 'dry.sqlite'}"
    init_db(url)
    for is_open in (False, True):
        trade = Trade(
            pair=BTC, exchange="binance", stake_amount=900.0, max_stake_amount=900.0, amount=0.03, open_rate=90_000.0,
            open_date=OPENED if is_open else CLOSED - timedelta(hours=3), fee_open=0.0005, fee_close=0.0005,
            is_open=is_open, leverage=3.0, is_short=False, trading_mode=TradingMode.FUTURES, stop_loss=88_000.0,
            initial_stop_loss=88_000.0, strategy="CandleGraphStrategy", funding_fees=0.0, interest_rate=0.0,
        )  # fmt: skip
        trade.orders.append(order("buy", 90_000.0, trade.open_date))
        if not is_open:
            trade.orders.append(order("sell", 92_000.0, CLOSED))
            trade.close_date, trade.close_rate, trade.exit_reason = CLOSED, 92_000.0, "graph_exit"
            trade.close_profit, trade.close_profit_abs = 0.0636, 57.27
        Trade.session.add(trade)
    Trade.commit()
    Trade.session.remove()
    config = tmp_path / "config.json"
    config.write_text(json.dumps({"db_url": url}))
    return config


def order(side, price, moment):
    return Order(
        ft_order_side=side, ft_pair=BTC, ft_is_open=False, order_id=f"{side}{moment}", status="closed", symbol=BTC,
        order_type="market", side=side, price=price, average=price, amount=0.03, filled=0.03, remaining=0.0,
        cost=0.03 * price, order_date=moment, order_filled_date=moment, ft_amount=0.03, ft_price=price,
    )  # fmt: skip


def test_a_running_account_is_reported_from_freqtrades_trades_and_says_what_it_is(reported, account):
    page = reported("dry_run", "-c", account)
    assert page.tiles["return"] == pytest.approx(57.27 / 5000)
    assert (page.tiles["trades"], page.tiles["win_rate"]) == (1, 1.0)
    assert "no backtest archive" in page.text and "dry.sqlite" in page.text
    assert "1 positions are open" in page.text
    ended, held = page.data["trades"]["rows"]
    assert (held["closed"], len(held["orders"])) == (None, 1)
    assert ended["profit"] == pytest.approx(57.27)
    last = page.data["equity"]["value"][-1]
    assert last != pytest.approx(5057.27, abs=1), "the open position counts at the last price"


def test_a_bot_whose_trades_are_not_found_is_told_what_to_name(userdir, capsys):
    assert main(["report", "dry_run", "--userdir", str(userdir)]) == 1
    assert "name its configuration with -c" in capsys.readouterr().err


def test_two_runs_make_one_page(reported, strange):
    archive, _ = strange
    page = reported(NAMESPACE, archive)
    assert [one["name"] for one in page.data["accounts"]] == [NAMESPACE, archive.stem]


def test_a_run_is_not_set_beside_itself(userdir, capsys):
    archive = next((userdir / "backtest_results").glob("*.zip"))
    assert main(["report", NAMESPACE, str(archive), "--userdir", str(userdir)]) == 1
    assert "report: both names mean the run backtest-result-made; expected two runs" in capsys.readouterr().err


def evaluated(capsys, *words):
    status = main(["evaluate", *map(str, words)])
    return status, capsys.readouterr()


def test_a_backtest_is_judged_in_a_sentence_and_in_numbers(userdir, capsys):
    status, told = evaluated(capsys, NAMESPACE, "--userdir", userdir)
    assert status == 0
    first, *lines = told.out.splitlines()
    assert first.split(": ")[0] in ("Edge shown", "No edge shown", "Too little data to tell")
    assert NAMESPACE in first
    assert any(line.startswith("  can be shown") for line in lines)
    assert max(map(len, lines)) <= 80
    _, as_json = evaluated(capsys, NAMESPACE, "--userdir", userdir, "--json")
    known = json.loads(as_json.out)
    assert known["judgement"].capitalize() == first.split(": ")[0]
    assert known["trades"] == int(first.split(": ")[1].split()[0])
    assert known["backtests_here"] == 1


def test_what_was_made_before_the_models_cutoff_stands_apart(userdir, capsys, tmp_path):
    (archive,) = (userdir / "backtest_results").glob("*.zip")
    cutoff = (BEGIN + 96 * CANDLE).date()
    copied = tmp_path / archive.name
    shutil.copy(archive, copied)
    with zipfile.ZipFile(copied, "a") as files:
        files.writestr(f"{archive.stem}_config.json", json.dumps({"llm_config": {"knowledge_cutoff": str(cutoff)}}))
    words = [str(copied), "--userdir", userdir]
    _, as_json = evaluated(capsys, *words, "--json")
    known = json.loads(as_json.out)
    parts = known["cutoff"]
    assert parts["cutoff"] == str(cutoff) and parts["before"]["trades"] > 0
    assert parts["before"]["trades"] + parts["after"]["trades"] == known["trades"]
    both = [part for part in (parts["before"], parts["after"]) if part["trades"]]
    assert sum(part["trades"] * part["mean_r"] for part in both) == pytest.approx(known["trades"] * known["mean_r"])
    _, told = evaluated(capsys, *words)
    assert f"  after {cutoff}" in told.out and "the model may have read of it" in told.out
    _, without = evaluated(capsys, NAMESPACE, "--userdir", userdir)
    assert "until" not in without.out


def test_what_has_no_candles_or_is_no_backtest_is_not_judged(userdir, capsys, tmp_path):
    status, told = evaluated(capsys, "dry_run", "--userdir", userdir)
    assert (status, "expected a backtest" in told.err) == (1, True)
    status, told = evaluated(capsys, NAMESPACE, "--userdir", userdir, "--datadir", tmp_path)
    assert (status, "no candles of BTC/USDT:USDT" in told.err) == (1, True)

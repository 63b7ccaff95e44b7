"""Every number of the first screen is freqtrade's or the ledger's; a difference between them is caught."""

import json
import zipfile
from datetime import datetime

import pandas as pd
import pytest
from pages import Page
from reported import CANDLE

from candlegraph.freqtrade_bridge.report.equity import equity_curve, marked
from candlegraph.freqtrade_bridge.report.page import write_page
from candlegraph.freqtrade_bridge.report.result import TradeRow
from candlegraph.freqtrade_bridge.report.rows import linked, trade_rows
from candlegraph.freqtrade_bridge.report.tables import trade_sums

FIELDS = {
    "return": ("profit_total", 100, 2),
    "holding": ("market_change", 100, 2),
    "drawdown": ("max_drawdown_account", 100, 2),
    "sharpe": ("sharpe", 1, 2),
    "sortino": ("sortino", 1, 2),
    "profit_factor": ("profit_factor", 1, 2),
    "win_rate": ("winrate", 100, 1),
    "trades": ("total_trades", 1, 0),
}
"""Tile: freqtrade's field, the factor and the digits with which it is shown."""


def statistics(archive):
    with zipfile.ZipFile(archive) as files:
        document = json.loads(files.read(f"{archive.stem}.json"))
    return document["strategy"]["CandleGraphStrategy"]


def number(text):
    return float(text.replace("\u2212", "-").replace(",", "").replace("%", "").replace("\u00a0", ""))


def differences(page, stats):
    """Return the tiles that show another number than freqtrade's statistics."""
    return [
        key
        for key, (name, factor, digits) in FIELDS.items()
        if page.tiles[key] != stats[name] or number(page.shown[key]) != round(factor * stats[name], digits)
    ]


@pytest.fixture(scope="module")
def page(evidence, tmp_path_factory):
    return Page(write_page(tmp_path_factory.mktemp("page") / "run.html", evidence))


def test_each_tile_shows_the_number_of_the_archive(page, archive):
    assert differences(page, statistics(archive)) == []


@pytest.mark.parametrize("key", FIELDS)
def test_a_planted_difference_is_caught(key, page, archive):
    stats = statistics(archive)
    name = FIELDS[key][0]
    assert differences(page, stats | {name: stats[name] + 0.02}) == [key]


def test_exposure_is_the_share_of_candles_with_a_trade(page, archive, evidence):
    candles = evidence.candles["BTC/USDT:USDT"]["date"]
    spans = [
        [datetime.fromisoformat(trade[at]) for at in ("open_date", "close_date")]
        for trade in statistics(archive)["trades"]
    ]
    held = sum(any(begin < candle + CANDLE and candle < end for begin, end in spans) for candle in candles)
    assert page.tiles["exposure"] == pytest.approx(held / len(candles))


def test_cost_is_the_sum_of_all_calls(page, evidence):
    spent = sum(call.cost for row in evidence.decisions for call in row.model_calls)
    assert page.tiles["cost"] == pytest.approx(spent)


def test_period_balance_model_and_prompt_stand_on_the_first_screen(page, evidence):
    balance = f"10,000.00 → {evidence.result.final_balance:,.2f} USDT"
    for told in ("2025-10-01 to 2025-11-04, 35 days", balance, "qwen3-32b", "61beae03eecc"):
        assert told in page.text


def test_the_account_ends_at_freqtrades_final_balance_and_begins_with_its_first(evidence):
    curve = evidence.curve
    assert curve.values[-1] == pytest.approx(evidence.result.final_balance)
    assert curve.values[0] == evidence.result.starting_balance
    assert curve.max_drawdown > 0 and curve.held[-1] / curve.held[0] - 1 == pytest.approx(evidence.result.market_change)


BEGIN = datetime.fromisoformat("2025-10-01T00:00:00+00:00")


def order(candle, price, amount, *, is_entry):
    filled = int((BEGIN + candle * CANDLE).timestamp() * 1000)
    known = {"safe_price": price, "amount": amount, "order_filled_timestamp": filled, "ft_is_entry": is_entry}
    return known | {"ft_order_tag": None}


@pytest.mark.parametrize(("is_short", "worth"), [(False, [0, 9, 14, 20]), (True, [0, -11, -16, 20])])
def test_an_open_trade_is_worth_its_cash_and_what_it_holds_at_the_close(is_short, worth):
    orders = [
        order(1, 100.0, 2.0, is_entry=True),
        order(2, 105.0, 1.0, is_entry=False),
        order(3, 99.0, 1.0, is_entry=False),
    ]
    trade = TradeRow(
        pair="X", is_short=is_short, leverage=1, stake=200, opened_at=BEGIN + CANDLE, closed_at=BEGIN + 3 * CANDLE,
        entry_price=100, exit_price=99, stop=None, fee_open=0.005, fee_close=0, profit_abs=20, profit_ratio=0.1,
        exit_reason="x", orders=orders,
    )  # fmt: skip
    dates = pd.date_range(BEGIN, periods=4, freq="30min").as_unit("s").asi8.astype(float)
    assert marked(trade, dates, pd.Series([100.0, 105.0, 110.0, 90.0]).to_numpy()).tolist() == pytest.approx(worth)


def test_a_run_without_candles_has_an_account_all_the_same(evidence):
    curve = equity_curve(evidence.result, {}, 1800)
    assert curve.held is None and curve.max_drawdown == 0.0


def test_sums_by_pair_are_freqtrades(evidence, archive):
    links = linked(evidence.result.trades, evidence.decisions)
    ours = {
        row["key"]: (row["trades"], row["won"], row["profit"])
        for row in trade_sums(evidence.result.trades, evidence.decisions, links)["pair"]
    }
    rows = [row for row in statistics(archive)["results_per_pair"] if row["key"] != "TOTAL"]
    assert ours == {row["key"]: (row["trades"], row["wins"], pytest.approx(row["profit_total_abs"])) for row in rows}


def test_each_trade_knows_the_decision_that_opened_it_and_how_its_stop_moved(evidence):
    trades, decisions = evidence.result.trades, evidence.decisions
    links = linked(trades, decisions)
    entered = [row for row in decisions if row.signal.is_entry]
    assert [decisions[links.entries[number]] for number in range(len(trades))] == sorted(
        entered, key=lambda row: (row.as_of, row.pair)
    )
    rows = trade_rows(trades, decisions, links, evidence.experiences, evidence.seen)
    assert all(row["stops"][0][1] == decisions[row["entry_decision"]].signal.stop for row in rows)
    assert all(row["stops"][-1][1] == trade.stop for row, trade in zip(rows, trades, strict=True))
    assert max(len(row["stops"]) for row in rows) > 2
    assert all(decisions[one].pair == row["pair"] for row in rows for one in row["decisions"])

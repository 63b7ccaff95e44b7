import io
import json
import zipfile
from datetime import UTC, datetime, timedelta

import pandas as pd
import pytest
from pages import Page
from rich.console import Console

from candlegraph.freqtrade_bridge.commands.backtest import SYNTHETIC
from candlegraph.freqtrade_bridge.report.document import RunEvidence
from candlegraph.freqtrade_bridge.report.page import write_page
from candlegraph.freqtrade_bridge.report.result import read_result
from candlegraph.freqtrade_bridge.report.summary import print_summary, summary_of
from candlegraph.graph.schema.errors import BridgeError
from candlegraph.graph.schema.signal import Clamp, TradeSignal
from candlegraph.memory.books.ledger import DecisionRow

BTC = "BTC/USDT:USDT"
BEGIN = datetime(2025, 10, 1, tzinfo=UTC)
ATTACK = "</script><img src=x onerror=alert(1)>"


def ms(time):
    return int(time.timestamp() * 1000)


def order(minute, price, tag, *, is_entry):
    at = BEGIN + timedelta(minutes=minute)
    fields = {"safe_price": price, "amount": 1.0, "order_filled_timestamp": ms(at), "ft_is_entry": is_entry}
    return fields | {"ft_order_tag": tag, "cost": price, "ft_order_side": "buy"}


def trade(profit, *, is_short, reason="graph_exit"):
    orders = [order(30, 100.0, "graph_long", is_entry=True), order(60, 101.0, "graph_add", is_entry=True)]
    orders += [order(90, 102.0, "graph_reduce", is_entry=False), order(120, 103.0, reason, is_entry=False)]
    return {
        "pair": BTC, "is_short": is_short, "leverage": 3.0, "max_stake_amount": 500.0, "profit_abs": profit,
        "open_date": "2025-10-01 00:30:00+00:00", "close_date": "2025-10-01 02:00:00+00:00", "open_rate": 100.0,
        "close_rate": 103.0, "stop_loss_abs": 97.0,
        "fee_open": 0.0005, "fee_close": 0.0005, "profit_ratio": profit / 500, "exit_reason": reason,
        "orders": orders, "funding_fees": 0.1,
    }  # fmt: skip


@pytest.fixture
def userdir(tmp_path):
    trades = [trade(50.0, is_short=False), trade(-20.0, is_short=True, reason=ATTACK)]
    strategy = {
        "strategy_name": "CandleGraphStrategy", "timeframe": "30m", "backtest_start_ts": ms(BEGIN),
        "backtest_end_ts": ms(BEGIN + timedelta(days=1)), "stake_currency": "USDT", "starting_balance": 1000,
        "final_balance": 1030.0, "profit_total": 0.03, "profit_total_abs": 30.0, "max_drawdown_account": 0.02,
        "market_change": 0.015, "pairlist": [BTC], "trades": trades, "sharpe": 1.5, "sortino": -100.0,
        "profit_factor": 2.5, "winrate": 0.5, "wins": 1, "losses": 1, "total_trades": 2,
    }  # fmt: skip
    folder = tmp_path / "backtest_results"
    folder.mkdir()
    with zipfile.ZipFile(folder / "run.zip", "w") as archive:
        archive.writestr("run.json", json.dumps({"strategy": {"CandleGraphStrategy": strategy}}))
    return tmp_path


def row(number, action, *, reason="because", source="model", clamps=(), cases=()):
    candle = BEGIN + timedelta(minutes=30 * number)
    signal = TradeSignal(action=action, confidence=60, reason=reason, source=source, clamps=clamps)
    return DecisionRow(
        decision_id=str(number), namespace="backtest:x", pair=BTC, candle=candle, as_of=candle + timedelta(minutes=30),
        recorded_at=candle, state="flat", price=100.0, regime="range", model="policy", prompt_version="v",
        prompt_hash="h", calls=1,
        repairs=number % 2, tokens_in=0, tokens_out=0, latency_ms=float(number), case_ids=cases,
        similarities=(0.9,) * len(cases), signal=signal, error=None,
    )  # fmt: skip


CLAMP = Clamp(key="max_leverage", before=20, after=10, reason="leverage limited by max_leverage")
ROWS = [
    row(1, "wait"),
    row(2, "enter_long", reason=ATTACK, clamps=(CLAMP,), cases=(7, 9)),
    row(3, "wait", source="veto"),
]


MEMORY = {
    "by_kind": {"trade": 2, "lesson": 1},
    "reward_stats": {"cumulative_reward": 0.25},
    "self_scores": {"trades": 2, "bias": 14.25, "rank_correlation": None},
}


def candles():
    dates = pd.date_range(BEGIN, periods=49, freq="30min")
    return {BTC: pd.DataFrame({"date": dates, "open": 1.0, "high": 2.0, "low": 0.5, "close": 1.5, "volume": 1.0})}


def test_the_summary_counts_what_happened(userdir):
    summary = summary_of(read_result(userdir / "backtest_results" / "run.zip"), ROWS, memory=MEMORY, prices=SYNTHETIC)
    assert (summary.decisions, summary.actions) == (3, {"wait": 2, "enter_long": 1})
    assert summary.sources == {"model": 2, "veto": 1}
    assert (summary.repairs, summary.clamps) == (2, {"max_leverage": 1})
    assert (summary.trades, summary.long_trades, summary.short_trades, summary.won_trades) == (2, 1, 1, 1)
    assert (summary.additions, summary.partial_exits) == (2, 2)
    assert (summary.median_ms, summary.with_cases) == (2.0, 1)
    assert (summary.remembered, summary.cumulative_reward) == ({"trade": 2, "lesson": 1}, 0.25)
    assert summary.is_rule


def test_the_table_says_that_rule_and_prices_are_not_real(userdir):
    text = io.StringIO()
    summary = summary_of(read_result(userdir / "backtest_results" / "run.zip"), ROWS, memory=MEMORY, prices=SYNTHETIC)
    print_summary(summary, Console(file=text, width=120))
    assert "not intelligence" in text.getvalue()
    assert "synthetic" in text.getvalue()
    assert "+30.00 USDT" in text.getvalue()
    assert "trade 2, lesson 1; learning score +0.2500, no profit" in text.getvalue()
    assert "2 trades, 14.2 above the evaluator's on average" in text.getvalue()


@pytest.fixture
def evidence(userdir):
    return RunEvidence(read_result(userdir / "backtest_results" / "run.zip"), ROWS, candles(), name=f"run {ATTACK}")


def test_the_page_stands_alone_and_no_text_breaks_out(evidence, tmp_path):
    page = Page(write_page(tmp_path / "run.html", evidence))
    assert page.links and all(link.startswith("#") for link in page.links)
    assert "img" not in page.found
    assert page.data["decisions"]["reason"][1] == ATTACK


def test_an_opened_row_has_clamps_cases_and_what_became_of_it(evidence, tmp_path):
    page = Page(write_page(tmp_path / "run.html", evidence))
    _, acting, _ = page.data["details-0"]
    assert [case[:2] for case in acting["cases"]] == [[7, 0.9], [9, 0.9]]
    assert acting["clamps"] == [CLAMP.line]
    assert acting["fate"] == "not known yet"


def test_a_damaged_archive_is_named(tmp_path):
    (tmp_path / "broken.zip").write_bytes(b"no zip")
    with pytest.raises(BridgeError, match="broken.zip: not a freqtrade backtest result"):
        read_result(tmp_path / "broken.zip")

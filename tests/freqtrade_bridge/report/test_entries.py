"""What random agents make of a run's entries, from its archive, its ledger and its candles."""

from datetime import UTC, datetime, timedelta

import pandas as pd
import pytest

from candlegraph.freqtrade_bridge.report.entries import FEWEST, luck_of_run
from candlegraph.freqtrade_bridge.report.result import RunResult
from candlegraph.graph.schema.signal import TradeSignal
from candlegraph.memory.books.ledger import DecisionRow

BTC = "BTC/USDT:USDT"
BEGIN = datetime(2025, 10, 1, tzinfo=UTC)
HALF_HOUR = timedelta(minutes=30)


def trade(number):
    at = BEGIN + 10 * number * HALF_HOUR
    order = {
        "safe_price": 100.0,
        "amount": 2.0,
        "order_filled_timestamp": 0,
        "ft_is_entry": True,
        "ft_order_tag": "graph_long",
    }
    return {
        "pair": BTC, "is_short": False, "leverage": 2.0, "max_stake_amount": 100.0, "profit_abs": 1.0,
        "open_date": str(at), "close_date": str(at + 4 * HALF_HOUR), "open_rate": 100.0, "close_rate": 101.0,
        "stop_loss_abs": 97.0, "profit_ratio": 0.01, "exit_reason": "graph_exit", "orders": [order], "fee_open": 0.001,
    }  # fmt: skip


def result_of(count):
    return RunResult.model_validate({
        "strategy_name": "CandleGraphStrategy", "timeframe": "30m", "backtest_start_ts": 0, "backtest_end_ts": 1,
        "stake_currency": "USDT", "starting_balance": 1000.0, "final_balance": 1000.0, "profit_total": 0.02,
        "profit_total_abs": 20.0, "max_drawdown_account": 0.0, "market_change": 0.0, "pairlist": [BTC],
        "sharpe": 0.0, "sortino": 0.0, "profit_factor": 0.0, "winrate": 1.0, "wins": count,
        "losses": 0, "total_trades": count,
        "trades": [trade(number) for number in range(count)],
    })  # fmt: skip


def decided(number, stop=97.0):
    as_of = BEGIN + 10 * number * HALF_HOUR
    signal = TradeSignal(action="enter_long", confidence=60, reason="calm", source="model", stop=stop)
    return DecisionRow(
        decision_id=str(number), namespace="backtest:x", pair=BTC, candle=as_of - HALF_HOUR, as_of=as_of,
        recorded_at=as_of, state="flat", price=100.0, regime="range", model="m", prompt_version="v", prompt_hash="h",
        calls=1, repairs=0, tokens_in=0, tokens_out=0, latency_ms=1.0, case_ids=(), similarities=(), signal=signal,
        error=None,
    )  # fmt: skip


def calm(count):
    dates = pd.date_range(BEGIN, periods=10 * count + 20, freq="30min")
    return pd.DataFrame({"date": dates, "open": 100.0, "high": 100.5, "low": 99.5, "close": 100.0})


def test_where_the_price_stands_still_chance_makes_the_fees():
    luck = luck_of_run(result_of(8), [decided(number) for number in range(8)], {BTC: calm(8)})
    fees = 8 * 2 * 0.001 * 2.0 * 100.0 / 1000.0  # eight entries and exits of 200 USDT, of a start with 1,000
    assert luck.median == pytest.approx(-fees)
    assert (luck.low, luck.high) == pytest.approx((-fees, -fees))
    assert luck.as_good == pytest.approx(1 / (luck.agents + 1))


def test_nothing_is_said_of_few_entries_or_of_entries_without_a_stop():
    few = FEWEST - 1
    assert luck_of_run(result_of(few), [decided(number) for number in range(few)], {BTC: calm(few)}) is None
    assert luck_of_run(result_of(8), [decided(number, None) for number in range(8)], {BTC: calm(8)}) is None

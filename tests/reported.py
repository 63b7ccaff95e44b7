"""A run as a backtest of three pairs by a language model leaves it, made up: prices, trades, decisions, experiences.

The statistics are freqtrade's own, over the trades; the archive is a file as freqtrade writes it.
"""

import json
import math
import random
import zipfile
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta

import numpy as np
import pandas as pd
from freqtrade.data.metrics import calculate_market_change
from freqtrade.optimize.optimize_reports.optimize_reports import generate_strategy_stats

from candlegraph.freqtrade_bridge.commands.reporting.account import COUNTED, PASSED_ON
from candlegraph.freqtrade_bridge.report.document import RunEvidence
from candlegraph.freqtrade_bridge.report.result import read_result
from candlegraph.freqtrade_bridge.report.rows import Seen
from candlegraph.graph.schema.calls import CallRecord
from candlegraph.graph.schema.experience import ClosedTrade
from candlegraph.graph.schema.fate import Fate, Refusal
from candlegraph.graph.schema.indicators import TimeframeFacts
from candlegraph.graph.schema.signal import Clamp, Move, TradeSignal
from candlegraph.memory.books.ledger import DecisionRow, FunctionCall
from candlegraph.memory.learning.report import experience_of

PAIRS = {"BTC/USDT:USDT": 96_000.0, "ETH/USDT:USDT": 2_900.0, "SOL/USDT:USDT": 240.0}
BEGIN = datetime(2025, 10, 1, tzinfo=UTC)
CANDLE = timedelta(minutes=30)
MODEL, NAMESPACE = "qwen3-32b", "backtest:20251001T000000-made01"
START, FEE, LEVERAGE = 10_000.0, 0.0005, 3.0
SPOTS = ("the 20-period mean", "last week's high", "the value area", "resistance", "support", "the daily open")
MOODS = ("volume fades", "momentum turns", "sellers are absorbed", "the 4h trend holds", "funding is stretched")
REFUSALS = (
    Refusal(door="gate", key="min_confidence", why="confidence 52 is below 60"),
    Refusal(door="slot", why="all 3 positions are open"),
    Refusal(door="reviewer", why="the stop lies inside the range's noise"),
)


@dataclass
class Reported:
    """The run while it is made; `rng` decides all of it."""

    candles: dict[str, pd.DataFrame]
    rng: random.Random
    trades: list[dict] = field(default_factory=list)
    rows: list[DecisionRow] = field(default_factory=list)
    seen: dict[str, Seen] = field(default_factory=dict)
    learnt: dict[int, object] = field(default_factory=dict)
    briefings: dict[str, list] = field(default_factory=dict)
    frames: dict[tuple[str, str], dict] = field(default_factory=dict)
    facts: dict[str, dict] = field(default_factory=dict)


def made(count: int, folder, seed: int = 7, briefed: int = 500):
    """Return the evidence of a run of about `count` decisions, and its archive below `folder`."""
    rng = random.Random(seed)
    length = math.ceil(count / len(PAIRS))
    run = Reported({pair: candles(price, length, rng) for pair, price in PAIRS.items()}, rng)
    for pair in PAIRS:
        live(run, pair)
    run.rows.sort(key=lambda row: (row.candle, row.pair))
    archive = archived(run, folder)
    for row in [row for row in run.rows if row.acts][-briefed:]:
        run.briefings[row.decision_id] = briefing(rng)
        del run.facts[row.decision_id]
    evidence = RunEvidence(
        read_result(archive), run.rows, run.candles, run.learnt, run.seen, run.briefings, name=NAMESPACE,
        facts=run.facts,
    )  # fmt: skip
    return evidence, archive


def candles(price, length, rng):
    steps = np.array([rng.gauss(0.00008, 0.004) for _ in range(length)])
    closes = price * np.exp(np.cumsum(steps + 0.0012 * np.sin(np.arange(length) / 60)))
    opens = np.concatenate([[price], closes[:-1]])
    wick = np.array([abs(rng.gauss(0, 0.0015)) for _ in range(length)])
    digits = 1 if price > 10_000 else 2 if price > 1000 else 3
    dates = pd.date_range(BEGIN, periods=length, freq="30min")
    prices = {"open": opens, "high": np.maximum(opens, closes) * (1 + wick)}
    prices |= {"low": np.minimum(opens, closes) * (1 - wick), "close": closes}
    return pd.DataFrame({"date": dates, **{name: values.round(digits) for name, values in prices.items()}})


def live(run, pair):
    """Walk a pair: wait, enter, hold, change, leave."""
    closes, until, trade = run.candles[pair]["close"].tolist(), 12, None
    for index, close in enumerate(closes[:-1]):
        if trade is None and index >= until:
            trade = entered(run, pair, index, close)
            until = index + run.rng.randint(14, 90) if trade else until + 5
        elif trade is None:
            decided(run, pair, index, close, "wait")
        elif index >= until or index == len(closes) - 2:
            ended(run, trade, pair, index, close)
            trade, until = None, index + run.rng.randint(8, 30)
        else:
            held(run, trade, pair, index, close)


def entered(run, pair, index, close):
    side = run.rng.choice(["long", "short"])
    sign = 1 if side == "long" else -1
    plan = {
        "leverage": LEVERAGE,
        "stake": 900.0,
        "stop": close * (1 - 0.03 * sign),
        "take_profit": close * (1 + 0.07 * sign),
    }
    if run.rng.random() < 0.25:
        refusal = run.rng.choice(REFUSALS)
        move = Move(action=f"enter_{side}")
        signal = TradeSignal(
            action="wait", confidence=52, reason=refusal.why, source="veto", instead_of=move, refusal=refusal
        )
        fate = Fate(kind="refused", at=at(index) + CANDLE, refusal=refusal)
        decided(run, pair, index, close, f"enter_{side}", signal=signal, fate=fate)
        return None
    row = decided(run, pair, index, close, f"enter_{side}", side=side, **plan)
    amount = 900.0 * LEVERAGE / close
    return {
        "pair": pair, "side": side, "sign": sign, "row": row, "stop": plan["stop"], "opened": at(index) + CANDLE,
        "orders": [order(at(index) + CANDLE, close, amount, f"graph_{side}", is_entry=True)], "entry": close,
    }  # fmt: skip


def held(run, trade, pair, index, close):
    profit = 100 * LEVERAGE * trade["sign"] * (close / trade["entry"] - 1)
    if run.rng.random() < 0.04:
        trade["stop"] += trade["sign"] * 0.004 * close
    if len(trade["orders"]) == 1 and run.rng.random() < 0.012:
        fate = Fate(kind="filled", at=at(index) + CANDLE, price=close)
        decided(run, pair, index, close, "adjust", adjustment_pct=-50.0, fate=fate, trade=trade, profit=profit)
        half = trade["orders"][0]["amount"] / 2
        trade["orders"].append(order(at(index) + CANDLE, close, half, "graph_reduce", is_entry=False))
        return
    decided(run, pair, index, close, "hold", trade=trade, profit=profit)


def ended(run, trade, pair, index, close):
    reason = run.rng.choice(["graph_exit", "graph_exit", "stop_loss", "roi"])
    decided(run, pair, index, close, "exit" if reason == "graph_exit" else "hold", trade=trade)
    first, *others = trade["orders"]
    left = first["amount"] - sum(one["amount"] for one in others)
    orders = [*trade["orders"], order(at(index) + CANDLE, close, left, reason, is_entry=False)]
    moved = sum((-1 if one["ft_is_entry"] else 1) * one["cost"] for one in orders) * trade["sign"]
    profit = moved - FEE * sum(one["cost"] for one in orders)
    run.trades.append(record(trade, orders, close, at(index) + CANDLE, profit, reason))
    learn(run, trade, close, at(index) + CANDLE, profit, reason)


def learn(run, trade, close, closed_at, profit, reason):
    number, row = len(run.learnt) + 1, trade["row"]
    percent = 100 * profit / 900
    known = ClosedTrade(
        namespace=NAMESPACE, trade_key=str(number), pair=trade["pair"], side=trade["side"], leverage=3, stake=900,
        entry_price=trade["entry"], exit_price=close, planned_stop=row.signal.stop, opened_at=trade["opened"],
        closed_at=closed_at, known_at=closed_at, candle_minutes=30, profit_pct=percent, profit_abs=profit,
        mfe_pct=max(percent, 1), mae_pct=min(percent, -1), exit_reason=reason, liquidated=False, forced=False,
        entry_reason=row.signal.reason, regime=row.regime, trend_strength="moderate", entry_rsi=50,
        situation=(1.0, float(number)), space="made-1", model_score=run.rng.uniform(20, 95), model=MODEL,
        prompt_version="p1", decision_id=row.decision_id, events=(),
    )  # fmt: skip
    run.learnt[number] = experience_of(known)


def decided(run, pair, index, close, action, signal=None, fate=None, trade=None, profit=None, side=None, **plan):
    """Add the decision of one candle."""
    rng, acts = run.rng, action not in ("wait", "hold")
    near = f"{rng.choice(SPOTS)} at {close * rng.uniform(0.98, 1.02):.6g}"
    reason = f"{rng.choice(MOODS)} near {near}, RSI {rng.uniform(20, 80):.1f}"
    said = rng.choice([55, 64, 72, 78, 85])
    signal = signal or TradeSignal(
        action=action, side=side, confidence=said, reason=reason, source="model",
        warnings=("no_progress: 12 candles",) * (rng.random() < 0.05),
        clamps=(Clamp(key="max_leverage", before=10, after=3, reason="leverage limited"),) * (side is not None), **plan,
    )  # fmt: skip
    fate = fate or (Fate(kind="filled", at=at(index) + CANDLE, price=close) if acts else None)
    cases = tuple(rng.sample(sorted(run.learnt), min(2, len(run.learnt))))
    spent = {"tokens_in": 2100, "tokens_out": rng.randint(60, 300), "cost": 0.0011, "seconds": rng.uniform(0.4, 3)}
    call = CallRecord(role="decision", model=MODEL, **spent)
    levels = {"key_support": close * 0.985, "key_resistance": close * 1.015} if side else {}
    row = DecisionRow(
        decision_id=f"{rng.getrandbits(64):016x}", namespace=NAMESPACE, pair=pair, candle=at(index),
        as_of=at(index) + CANDLE, recorded_at=at(index), state=trade["side"] if trade else "flat", price=close,
        regime=rng.choice(["trend_up", "trend_down", "range"]), model=MODEL, prompt_version="61beae03eecc",
        prompt_hash="h", calls=1, repairs=0, tokens_in=2100, tokens_out=100, latency_ms=900.0, case_ids=cases,
        similarities=tuple(rng.uniform(0.7, 0.99) for _ in cases), signal=signal, error=None, model_calls=(call,),
        functions=(FunctionCall(name=f"signal_{action}", arguments={"reason": reason, **levels}, accepted=True),),
        reasoning=f"The range held twice; {reason}." if acts else "", fate=fate,
        opinions={"bull": json.dumps({"strength": 60, "points": [reason]})} if side else {},
    )  # fmt: skip
    run.rows.append(row)
    stop = trade["stop"] if trade else None
    seen = Seen(stop, profit, START + rng.uniform(-500, 500), rng.uniform(20, 80), rng.uniform(10, 50))
    run.seen[row.decision_id] = seen
    run.facts[row.decision_id] = told(run, pair, index, seen)
    return row


def told(run, pair, index, seen):
    """Return the facts of a candle, without any order in their numbers: a real run's deflate better."""
    for frame, length in FRAMES.items():
        if index % length == 0:
            run.frames[pair, frame] = {f"{frame}.{name}": f"{run.rng.uniform(-99, 99):.4g}" for name in FACTS}
    found = {name: text for frame in FRAMES for name, text in run.frames[pair, frame].items()}
    found |= {"30m.rsi": f"{seen.rsi:.4g}", "30m.adx": f"{seen.adx:.4g}", "alignment": str(run.rng.randint(-4, 4))}
    found |= {"account.equity": f"{seen.equity:.4g}", "account.drawdown_pct": f"{run.rng.uniform(0, 9):.4g}"}
    held = {"stop": seen.stop, "profit_pct": seen.profit_pct, "r_multiple": seen.profit_pct}
    return found | {f"position.{name}": f"{value:.6g}" for name, value in held.items() if value is not None}


def at(index):
    return BEGIN + index * CANDLE


def order(moment, price, amount, tag, *, is_entry):
    return {
        "safe_price": price, "amount": amount, "order_filled_timestamp": int(moment.timestamp() * 1000),
        "ft_is_entry": is_entry, "ft_order_tag": tag, "cost": price * amount, "ft_order_side": "buy",
    }  # fmt: skip


def record(trade, orders, close, closed_at, profit, reason):
    """Return the trade as freqtrade writes it."""
    return {
        "pair": trade["pair"], "stake_amount": 900.0, "max_stake_amount": 900.0, "amount": orders[0]["amount"],
        "open_date": pd.Timestamp(trade["opened"]), "close_date": pd.Timestamp(closed_at), "open_rate": trade["entry"],
        "close_rate": close, "fee_open": FEE, "fee_close": FEE,
        "trade_duration": int((closed_at - trade["opened"]).total_seconds() // 60), "profit_ratio": profit / 900,
        "profit_abs": profit, "exit_reason": reason, "stop_loss_abs": trade["stop"], "stop_loss_ratio": -0.03,
        "initial_stop_loss_abs": trade["row"].signal.stop, "initial_stop_loss_ratio": -0.03, "is_open": False,
        "min_rate": close, "max_rate": close, "enter_tag": f"graph_{trade['side']}", "leverage": LEVERAGE,
        "is_short": trade["side"] == "short", "open_timestamp": int(trade["opened"].timestamp() * 1000),
        "close_timestamp": int(closed_at.timestamp() * 1000), "orders": orders, "funding_fees": 0.0,
    }  # fmt: skip


def archived(run, folder):
    """Write freqtrade's result archive of the run, and return it."""
    results = pd.DataFrame(run.trades)
    begin, end = (run.candles[next(iter(PAIRS))]["date"].iloc[place].to_pydatetime() for place in (0, -1))
    config = {"max_open_trades": 3, "dry_run_wallet": START, "stake_currency": "USDT", "timeframe": "30m"}
    content = {
        "results": results, "config": config | dict.fromkeys(PASSED_ON), "locks": [], **dict.fromkeys(COUNTED, 0),
        "final_balance": START + results["profit_abs"].sum(),
        "backtest_start_time": int(BEGIN.timestamp()) - 60, "backtest_end_time": int(end.timestamp()) + 60,
    }  # fmt: skip
    change = calculate_market_change(run.candles, "close")
    stats = generate_strategy_stats(list(PAIRS), "CandleGraphStrategy", content, begin, end, change, is_hyperopt=True)
    path = folder / "backtest-result-made.zip"
    with zipfile.ZipFile(path, "w") as files:
        files.writestr(f"{path.stem}.json", json.dumps({"strategy": {"CandleGraphStrategy": stats}}, default=str))
    return path


def briefing(rng):
    """Return messages that deflate as badly as real ones, 1.4 kB each: nearly all of them are numbers."""
    facts = [f"{frame}.{name}: {rng.uniform(-300, 99_000):.6g}" for frame in FRAMES for name in FACTS[:9]]
    closes = [f"{frame}: closes @@" for frame in FRAMES]
    cases = [f"case {rng.getrandbits(24):06x}: {rng.uniform(-9, 9):+.2f} % net, {rng.choice(MOODS)}" for _ in range(25)]
    system = "You decide on one candle. " + "Call exactly one function; what is unknown is said to be unknown. " * 14
    return [("system", system), ("human", "\n".join([*facts, *closes, *cases]))]


FACTS = tuple(TimeframeFacts.model_fields)
FRAMES = {"30m": 1, "1h": 2, "4h": 8, "1d": 48}
"""Timeframes, and so many candles of the first one has each."""

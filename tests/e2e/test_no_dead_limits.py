"""No dead limits: for every risk key, an order of freqtrade's own backtester that differs when the key changes."""

import json
from pathlib import Path
from typing import Any, NamedTuple

import backtests
import pytest
import script

from candlegraph.graph.settings.places import DATABASE
from candlegraph.graph.settings.risk import Block, RiskManagement
from candlegraph.memory.store import close_memory

SOME_CANDLES, FOURTEEN_HOURS, DAY = "1764028800-1764041400", "1764028800-1764079200", "20251125-20251126"
"""From the same midnight on; most limits show at the first entry."""
FREE = {"max_total_exposure": 500, "max_risk_per_trade_pct": 100, "max_daily_loss_pct": 100, "emergency_stop_loss": -1}
OFF = {
    "checks": dict.fromkeys(
        (
            "claims",
            "against_trend",
            "reward_to_risk",
            "near_level",
            "cooldown",
            "repeated_reason",
            "no_progress",
            "profit_erosion",
        ),
        "off",
    )
}


def entering(side="long", **options):
    """Enter whenever flat, then hold."""
    return lambda facts: script.stay(facts) if facts.position else script.enter(facts, side, **options)


def trend(one):
    """Return the sign of a timeframe's trend, as tools.market.analysis states it."""
    spread, distance = one.ema_spread or 0, one.ema_50_distance or 0
    return (spread > 0 and distance > 0) - (spread < 0 and distance < 0)


def against_the_trend(facts):
    """Enter only against the trend of the two highest timeframes."""
    high = sum(trend(one) for one in list(facts.timeframes.values())[-2:])
    if facts.position or high == 0:
        return script.stay(facts)
    return script.enter(facts, "short" if high > 0 else "long")


def adding(facts):
    """Enter, and add to the position while it loses."""
    if facts.position is None:
        return script.enter(facts, stake=500.0, leverage=5.0, stop_atr=4.0)
    losing = facts.position.profit_pct < 0 and facts.position.adds == 0
    return script.adjust(facts, 50.0) if losing else script.stay(facts)


def lying(facts):
    if facts.position:
        return script.stay(facts)
    rsi = next(iter(facts.timeframes.values())).rsi
    return script.enter(facts, rsi_value=5.0 if rsi > 50 else 95.0)


def without_a_stop(facts):
    """Enter, with neither a stop nor a real level that one could lie beyond."""
    return script.stay(facts) if facts.position else script.enter(facts, stop_atr=None, key_support=facts.price / 2)


CALM, TIGHT = entering(), entering(stop_atr=0.3)


class Row(NamedTuple):
    """Two runs of `scenario`: with `base`, and with `change` on top; `differs` compares their trades."""

    change: dict[str, Any]
    differs: Any
    scenario: Any = CALM
    base: dict[str, Any] = {}
    pairs: int = 1
    timerange: str = SOME_CANDLES


def column(name):
    return lambda before, after: list(before[name]) != list(after[name]) and len(before) > 0


def none_left(before, after):
    return len(before) > 0 and len(after) == 0


def fewer(before, after):
    return len(before) > len(after)


def lower(name):
    return lambda before, after: after[name].iloc[0] < before[name].iloc[0]


def new_reason(reason):
    return lambda before, after: reason in set(after["exit_reason"]) - set(before["exit_reason"])


def most_at_once(trades):
    return max((trades["open_date"].le(at) & trades["close_date"].gt(at)).sum() for at in trades["open_date"])


def checks(**rules):
    return {"checks": OFF["checks"] | rules}


ROWS = {
    "max_leverage": Row({"max_leverage": 5}, lower("leverage")),
    "default_leverage": Row({"default_leverage": 3}, lower("leverage"), base={"allow_model_freedom": False}),
    "allow_model_freedom": Row({"allow_model_freedom": False}, lower("leverage")),
    "max_position_pct": Row({"max_position_pct": 5}, lower("stake_amount")),
    "max_total_exposure": Row({"max_total_exposure": 0.5}, lower("stake_amount")),
    "max_open_trades": Row({"max_open_trades": 1}, lambda a, b: (most_at_once(a), most_at_once(b)) == (2, 1), pairs=2),
    "max_risk_per_trade_pct": Row({"max_risk_per_trade_pct": 0.3}, lower("stake_amount")),
    "min_confidence": Row({"min_confidence": 61}, none_left),
    "max_daily_loss_pct": Row({"max_daily_loss_pct": 0.5}, fewer, TIGHT),
    "emergency_stop_loss": Row({"emergency_stop_loss": -0.005}, new_reason("emergency_stop")),
    "stop_atr_multiple": Row({"stop_atr_multiple": 1}, column("stop_loss_abs"), without_a_stop),
    "break_even_after_r": Row({"break_even_after_r": 0.2}, new_reason("trailing_stop_loss"), timerange=DAY),
    "trailing_after_r": Row({"trailing_after_r": 0.2}, new_reason("trailing_stop_loss"), timerange=FOURTEEN_HOURS),
    "trailing_distance_r": Row(
        {"trailing_distance_r": 0.3},
        column("stop_loss_abs"),
        base={"trailing_after_r": 0.2},
        timerange=FOURTEEN_HOURS,
    ),
    "liquidation_buffer": Row({"liquidation_buffer": 0.9}, lower("leverage")),
    "maintenance_margin_pct": Row({"maintenance_margin_pct": 20}, lower("leverage")),
    "allow_add_to_loser": Row(
        {"allow_add_to_loser": True}, lambda a, b: len(b["orders"].iloc[0]) > len(a["orders"].iloc[0]), adding
    ),
    "protections": Row({"protections": [{"method": "CooldownPeriod", "stop_duration_candles": 20}]}, fewer, TIGHT),
    "checks.claims": Row(checks(claims="block"), none_left, lying),
    "checks.against_trend": Row(checks(against_trend="block"), none_left, against_the_trend),
    "checks.against_trend_confidence": Row(
        checks(against_trend="block", against_trend_confidence=50),
        lambda before, after: len(before) == 0 < len(after),
        against_the_trend,
        base=checks(against_trend="block"),
    ),
    "checks.reward_to_risk": Row(checks(reward_to_risk="block"), none_left, entering(target_atr=0.5)),
    "checks.min_reward_to_risk": Row(
        checks(reward_to_risk="block", min_reward_to_risk=3),
        none_left,
        entering(target_atr=3.0),
        base=checks(reward_to_risk="block"),
    ),
    "checks.near_level": Row(checks(near_level="block", near_level_atr=20), fewer),
    "checks.near_level_atr": Row(
        checks(near_level="block", near_level_atr=20), fewer, base=checks(near_level="block", near_level_atr=0)
    ),
    "checks.cooldown": Row(checks(cooldown="block", cooldown_candles=10), fewer, TIGHT),
    "checks.cooldown_candles": Row(
        checks(cooldown="block", cooldown_candles=20),
        fewer,
        TIGHT,
        base=checks(cooldown="block", cooldown_candles=2),
    ),
    "checks.repeated_reason": Row(checks(repeated_reason="block", repeated_reason_count=3), column("close_date")),
    "checks.repeated_reason_count": Row(
        checks(repeated_reason="block", repeated_reason_count=6),
        column("close_date"),
        base=checks(repeated_reason="block", repeated_reason_count=3),
    ),
    "checks.no_progress": Row(
        checks(no_progress="block", no_progress_candles=3, no_progress_r=50), column("close_date")
    ),
    "checks.no_progress_candles": Row(
        checks(no_progress="block", no_progress_candles=6, no_progress_r=50),
        column("close_date"),
        base=checks(no_progress="block", no_progress_candles=3, no_progress_r=50),
    ),
    "checks.no_progress_r": Row(
        checks(no_progress="block", no_progress_candles=3, no_progress_r=0),
        column("close_date"),
        base=checks(no_progress="block", no_progress_candles=3, no_progress_r=50),
    ),
    "checks.profit_erosion": Row(
        checks(profit_erosion="block", erosion_from_pct=0, erosion_share=0.05), column("close_date")
    ),
    "checks.erosion_from_pct": Row(
        checks(profit_erosion="block", erosion_from_pct=10_000, erosion_share=0.05),
        column("close_date"),
        base=checks(profit_erosion="block", erosion_from_pct=0, erosion_share=0.05),
    ),
    "checks.erosion_share": Row(
        checks(profit_erosion="block", erosion_from_pct=0, erosion_share=0.9),
        column("close_date"),
        base=checks(profit_erosion="block", erosion_from_pct=0, erosion_share=0.05),
    ),
}
ELSEWHERE = {
    "stop_on_exchange": ("test_stops.py", "test_the_stop_rests_on_the_exchange_if_the_key_says_so"),
    "approval.required": ("test_approval.py", "test_an_approved_entry_trades_once_and_its_answer_is_part_of_its_trace"),
    "approval.expires_seconds": ("test_approval.py", "test_without_a_yes_in_time_and_near_the_price_nothing_trades"),
    "approval.max_drift_pct": ("test_approval.py", "test_without_a_yes_in_time_and_near_the_price_nothing_trades"),
}
"""Keys without an effect in a backtest, which has no exchange and no person: the dry-run that shows it."""

_ran: dict[str, Any] = {}


def trades_of(sample, tmp_path, row, rules):
    """Run once for equal arguments; the two runs of many rows share their base."""
    settings = FREE | OFF | row.base | rules
    key = json.dumps([settings, row.pairs, row.timerange, id(row.scenario)], sort_keys=True)
    if key not in _ran:
        folder = tmp_path / str(len(_ran))
        result = backtests.run(
            sample.datadir, folder, sample.pairs[: row.pairs], row.timerange, "ScriptStrategy", risk_management=settings
        )
        _ran[key] = result.trades
        close_memory(folder / DATABASE)
    return _ran[key]


@pytest.mark.parametrize("key", ROWS)
def test_a_risk_key_changes_an_order(key, sample, tmp_path, monkeypatch):
    row = ROWS[key]
    monkeypatch.setattr(script, "decide", row.scenario)
    before = trades_of(sample, tmp_path, row, {})
    after = trades_of(sample, tmp_path, row, row.change)
    assert row.differs(before, after)


def keys_of(block, prefix=""):
    found = set()
    for name, field in type(block).model_fields.items():
        value = getattr(block, name)
        found |= keys_of(value, f"{prefix}{name}.") if isinstance(value, Block) else {f"{prefix}{name}"}
        assert field is not None
    return found


def test_every_risk_key_has_its_row():
    assert set(ROWS) | set(ELSEWHERE) == keys_of(RiskManagement())


@pytest.mark.parametrize("key", ELSEWHERE)
def test_what_only_a_dry_run_can_show_is_shown_there(key):
    file, name = ELSEWHERE[key]
    assert f"def {name}(" in (Path(__file__).parent / file).read_text()

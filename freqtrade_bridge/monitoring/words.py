"""What a person is told, in words: what is on at the start, an entry with its reason, an end with its score.

Each message is one or two lines that a phone shows whole.
"""

from __future__ import annotations

from freqtrade.persistence import Trade

from candlegraph.agents.prompt.outside_text import plain
from candlegraph.freqtrade_bridge.decisions.line import figure
from candlegraph.freqtrade_bridge.host.tags import EMERGENCY_TAG, EXIT_TAG, FORCED, PASSED_TAG, STOP_TAG
from candlegraph.freqtrade_bridge.monitoring.health import duration_told
from candlegraph.freqtrade_bridge.trades.plan import Plan
from candlegraph.graph.context import Context
from candlegraph.graph.schema.errors import MemoryStoreError
from candlegraph.graph.schema.experience import ClosedTrade, Experience

REASON_LENGTH = 160
ENDS = {
    EXIT_TAG: "the model",
    EMERGENCY_TAG: "the emergency stop",
    STOP_TAG: "a rule: its stop was missing",
    PASSED_TAG: "a rule: the price had passed its stop",
    FORCED: "a person",
    "roi": "its target",
    "stop_loss": "its stop",
    "trailing_stop_loss": "its stop, which a rule had moved",
    "stoploss_on_exchange": "its stop on the exchange",
    "liquidation": "liquidation",
}
"""Who or what ended a trade, by freqtrade's and our tags; others are told as they are."""


def start_told(context: Context, pairs: int, halt: str | None) -> str:
    """Return what is on: whose run it is, who decides, what is remembered, the account's state, limits."""
    settings, rag = context.settings, context.settings.experience_config.rag_config
    rules, budget = settings.risk_management, settings.llm_config.budget
    models = ", then ".join(one.model for one in settings.llm_config.models_of("decision"))
    text = "situations only" if rag.embedding.provider == "none" else f"situations and texts by {rag.embedding.model}"
    limits = [name for name, value in budget.model_dump(exclude={"degrade_at"}).items() if value is not None]
    return "; ".join(
        (
            f"{context.namespace} starts: {pairs} pairs every {settings.context_config.timeframes[0]}",
            f"decides {models} at depth {context.depth}",
            f"memory of {_remembered(context)}, found by {text}",
            f"risk {rules.max_risk_per_trade_pct:g} % a trade, {rules.max_leverage:g}x at most",
            f"approval {'by a person' if rules.approval.required else 'off'}",
            f"budget {', '.join(limits) or 'without limit'}",
            f"the account is halted: {halt}" if halt else "the account is not halted",
        )
    )


def _remembered(context: Context) -> str:
    try:
        return f"{context.memory.stats(context.namespace)['total_experiences']} experiences"
    except MemoryStoreError as e:
        return f"nothing for now ({e})"


def entry_told(trade: Trade, plan: Plan) -> str:
    """Return an entry as it was filled: what, at what risk, and why."""
    target = "no target" if plan.take_profit is None else f"target {figure(plan.take_profit)}"
    size = f"{trade.leverage:g}x at {figure(trade.open_rate)}, stake {figure(trade.stake_amount)}"
    why = f"confidence {plan.confidence:.0f}: " if plan.confidence else ""
    return (
        f"{_name(trade.pair)} {trade.trade_direction} {size}, stop {figure(plan.stop)}, {target}\n"
        f"{why}{plain(plan.reason, REASON_LENGTH)}"
    )


def end_told(one: Experience) -> str:
    """Return how a trade ended: who ended it, what it gave, its score and its lesson."""
    trade = one.source
    assert isinstance(trade, ClosedTrade), "only a closed trade has ended"
    gave = f"{trade.profit_pct:+.2f} %, {trade.profit_abs:+.2f} {trade.pair.rpartition(':')[2]}"
    held = duration_told((trade.closed_at - trade.opened_at).total_seconds())
    score = "" if one.scores is None else f"score {one.scores.total:.0f} ({one.scores.grade}): "
    ended = ENDS.get(trade.exit_reason, trade.exit_reason)
    what = f"{_name(trade.pair)} {trade.side} closed by {ended}: {gave} after {held}"
    return f"{what}\n{score}{plain(one.lesson, REASON_LENGTH)}"


def _name(pair: str) -> str:
    return pair.partition("/")[0]

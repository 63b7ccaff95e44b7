"""A fixed rule without same-candle reversal, as a chat model and as the numbers a vectorised strategy needs."""

from langchain_core.messages import AIMessage
from script import levels

from candlegraph.agents.models.policy import PolicyModel
from candlegraph.graph.schema.facts import parse_facts
from candlegraph.graph.schema.numbers import significant

LEVERAGE = {"long": 3.0, "short": 2.0}
STAKE, STOP_ATR, LOW, HIGH = 500.0, 1.0, 40.0, 60.0


def stop_of(side, price, atr):
    """Return the stop of the rule, from numbers with six significant digits as a prompt shows them."""
    sign = 1 if side == "long" else -1
    return significant(significant(price) - sign * STOP_ATR * significant(atr))


def side_of(rsi, spread):
    """Return which side the rule enters; the regions of entry and exit do not touch, so it never reverses at once."""
    if significant(rsi) > HIGH and spread > 0:
        return "long"
    return "short" if significant(rsi) < LOW and spread < 0 else None


def leaves(rsi):
    """Return whether the rule closes a position."""
    return LOW <= significant(rsi) <= HIGH


class RuleModel(PolicyModel):
    def answered(self, messages):
        name, arguments = self.call(parse_facts(messages[1].content))
        return AIMessage("", tool_calls=[{"name": name, "args": arguments, "id": "1", "type": "tool_call"}])

    def call(self, facts):
        main, higher, highest = facts.timeframes["30m"], facts.timeframes["1h"], facts.timeframes["4h"]
        if None in (main.rsi, higher.atr, highest.ema_spread):  # warming up, which only lookahead-analysis shows us
            name = "signal_wait" if facts.position is None else "signal_hold"
            return name, {"pair": facts.pair, "confidence_score": 1, "rsi_value": 50, "reason": "unavailable"}
        common = {"pair": facts.pair, "confidence_score": 50, "rsi_value": main.rsi, "reason": "rule"}
        if facts.position is not None:
            return ("signal_exit", common | {"trade_score": 50}) if leaves(main.rsi) else ("signal_hold", common)
        side = side_of(main.rsi, highest.ema_spread)
        if side is None:
            return "signal_wait", common
        stated = levels(facts) | {"trend_strength": facts.trend_strength}
        size = {"leverage": LEVERAGE[side], "stake_amount": STAKE, "stop_loss": stop_of(side, facts.price, higher.atr)}
        return f"signal_entry_{side}", common | stated | size

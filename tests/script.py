"""A chat model that plays a scenario: a function from the facts of a candle to one call; tests choose it."""

from langchain_core.language_models import BaseChatModel
from langchain_core.messages import AIMessage
from langchain_core.outputs import ChatGeneration, ChatResult
from langchain_core.utils.function_calling import convert_to_openai_tool

from candlegraph.graph.schema.facts import parse_facts


def unset(*facts):
    raise AssertionError(
        "a test that runs ScriptStrategy sets script.decide first, and at depth balanced script.review"
    )


decide = unset
review = unset
"""At depth `balanced`: from nothing to the arguments of ReviewEntry."""


class ScriptModel(BaseChatModel):
    @property
    def _llm_type(self):
        return "script"

    def bind_tools(self, tools, **kwargs):
        return self.bind(offered=[convert_to_openai_tool(one)["function"]["name"] for one in tools])

    def _generate(self, messages, stop=None, run_manager=None, offered=(), **kwargs):
        is_review = "ReviewEntry" in offered
        name, arguments = ("ReviewEntry", review()) if is_review else decide(parse_facts(messages[1].content))
        call = {"name": name, "args": arguments, "id": "1", "type": "tool_call"}
        return ChatResult(generations=[ChatGeneration(message=AIMessage("", tool_calls=[call]))])


def common(facts, confidence=60.0, reason="scripted"):
    rsi = next(iter(facts.timeframes.values())).rsi
    return {"pair": facts.pair, "confidence_score": confidence, "rsi_value": rsi or 50.0, "reason": reason}


def levels(facts):
    """Return the levels of the facts; where they show none, any price on that side is as good."""
    return {
        "key_support": facts.support or facts.price * 0.9,
        "key_resistance": facts.resistance or facts.price * 1.1,
    }


def stay(facts, reason="scripted"):
    name = "signal_wait" if facts.position is None else "signal_hold"
    return name, common(facts, reason=reason)


def enter(facts, side="long", *, leverage=20.0, stake=2000.0, stop_atr=1.5, target_atr=None, **changes):
    """Return an entry; distances are in ATR of the second timeframe, no distance is no price."""
    sign = 1 if side == "long" else -1
    atr = list(facts.timeframes.values())[1].atr
    prices = {} if stop_atr is None else {"stop_loss": facts.price - sign * stop_atr * atr}
    prices |= {} if target_atr is None else {"take_profit": facts.price + sign * target_atr * atr}
    size = {"leverage": leverage} | ({} if stake is None else {"stake_amount": stake})
    stated = levels(facts) | {"trend_strength": facts.trend_strength}
    return f"signal_entry_{side}", common(facts) | stated | size | prices | changes


def adjust(facts, pct, **changes):
    known = {name: value for name, value in common(facts).items() if name != "rsi_value"}
    return "adjust_position", known | levels(facts) | {"adjustment_pct": pct} | changes


def leave(facts):
    return "signal_exit", common(facts) | {"trade_score": 50.0}

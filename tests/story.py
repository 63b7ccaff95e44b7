"""A chat model that lives through everything: entries, adds, exits, memory functions, faults, and the other roles.

What it answers follows from the facts and from how often its pair was asked, so two runs of equal code are equal.
"""

from langchain_core.language_models import BaseChatModel
from langchain_core.messages import AIMessage
from langchain_core.outputs import ChatGeneration, ChatResult
from langchain_core.utils.function_calling import convert_to_openai_tool
from pydantic import PrivateAttr
from script import adjust, enter, leave, stay

from candlegraph.graph.schema.facts import parse_facts

OLDEST = 6
OPINIONS = {
    "StateView": {
        "bias": "neutral",
        "regime": "range",
        "conflicts": "4h is lower than 30m",
        "would_change_mind": "a close beyond the range",
    },
    "MakeCase": {"strength": 55, "points": ["RSI turned", "EMA 20 holds"], "risk": "the next level breaks"},
}
VERDICTS = (
    {"verdict": "approve", "reason": "sound"},
    {"verdict": "shrink", "shrink_to_pct": 50, "reason": "far from support"},
    {"verdict": "send_back", "reason": "the stop is too near"},
    {"verdict": "approve", "reason": "better"},
    {"verdict": "veto", "reason": "against the trend"},
)


class StoryModel(BaseChatModel):
    """`asked` holds pair, functions' schemas and messages of every call, in order."""

    _asked: list = PrivateAttr(default_factory=list)
    _turns: dict = PrivateAttr(default_factory=dict)

    @property
    def _llm_type(self):
        return "story"

    @property
    def asked(self):
        return self._asked

    def bind_tools(self, tools, **kwargs):
        return self.bind(offered=[convert_to_openai_tool(one) for one in tools])

    def _generate(self, messages, stop=None, run_manager=None, offered=(), **kwargs):
        facts = parse_facts(messages[1].content)
        self._asked.append((facts.pair, offered, list(messages)))
        names = {one["function"]["name"] for one in offered}
        calls = self.opinion(facts, names) or self.decision(facts, names, messages)
        numbered = [
            {"name": name, "args": arguments, "id": str(number), "type": "tool_call"}
            for number, (name, arguments) in enumerate(calls, start=1)
        ]
        text = "" if calls else "I would rather not say."
        return ChatResult(generations=[ChatGeneration(message=AIMessage(text, tool_calls=numbered))])

    def turn(self, *key):
        self._turns[key] = self._turns.get(key, -1) + 1
        return self._turns[key]

    def opinion(self, facts, names):
        for name, said in OPINIONS.items():
            if name in names:
                return [(name, said)]
        if "ReviewEntry" in names:
            return [("ReviewEntry", VERDICTS[self.turn(facts.pair, "review") % len(VERDICTS)])]
        return None

    def decision(self, facts, names, messages):
        """Return the calls; what was asked for before in the same decision is followed by a signal."""
        signal = flat(facts) if facts.position is None else held(facts)
        if len(messages) > 3:
            return [signal]
        turn = self.turn(facts.pair)
        match turn % 13:
            case 4:
                return []
            case 7:
                return [("query_rag_stats", {})]
            case 9:
                return [signal, stay(facts)]
            case 11:
                return [(signal[0], signal[1] | {"mood": "calm"})]
            case 12:
                return [("cleanup_rag_history", {"strategy": "low_quality", "reason": "tidy"}), signal]
        return [record(facts), signal] if "record_decision_to_rag" in names and turn % 2 else [signal]


def flat(facts):
    main = next(iter(facts.timeframes.values()))
    number = round(main.rsi)
    if number % 3 == 0:
        return stay(facts, "nothing to see")
    side = "long" if number % 2 else "short"
    stake = None if number % 7 == 0 else 300.0 + number
    return enter(
        facts, side, leverage=2 + number % 4, stake=stake, stop_atr=0.8, target_atr=1.2 if number % 5 else None
    )


def held(facts):
    age = facts.position.age_candles
    if age >= OLDEST:
        return leave(facts)
    changes = {3: 20.0, 5: -30.0}
    return adjust(facts, changes[age]) if age in changes else stay(facts, f"held for {age} candles")


def record(facts):
    known = {"decision_type": "hold", "reason": "a winner", "confidence": 0.6, "pair": facts.pair}
    return "record_decision_to_rag", known | {"current_profit_pct": facts.position.profit_pct}

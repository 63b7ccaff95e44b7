"""Five weeks of decisions of a model, the last of which may be unlike the others."""

from datetime import timedelta

import numpy as np

from candlegraph.graph.schema.calls import CallRecord
from candlegraph.graph.schema.signal import TradeSignal
from candlegraph.memory.books.ledger import DecisionRow

LENGTH = timedelta(minutes=30)


def decided(end, seed=1, days=35, turns=None, **changes):
    """Return the decisions of so many days before `end`: the mood of each day its own; the last 7 as `turns` has it."""
    random, found = np.random.default_rng(seed), []
    for day in range(days):
        mood = random.normal(0, 3)  # the days differ, and decisions of one day depend on each other
        for number in range(12):
            known = {"confidence": 60 + mood + random.normal(0, 5), "enters": 0.1, "repairs": 0.1, "latency": 2000.0}
            known |= turns if turns and day >= days - 7 else {}
            candle = end - timedelta(days=days - day) + number * LENGTH
            found.append(row(candle, known, random).model_copy(update=changes))
    return found


def row(candle, known, random):
    action, model = "enter_long" if random.random() < known["enters"] else "wait", known.get("model", "m")
    return DecisionRow(
        decision_id=str(candle), namespace="live", pair="BTC", candle=candle, as_of=candle + LENGTH,
        recorded_at=candle, state="flat", price=1.0, regime=None, model=model, prompt_version="1",
        prompt_hash="h", calls=1, repairs=int(random.random() < known["repairs"]), tokens_in=1, tokens_out=1,
        latency_ms=known["latency"] * random.lognormal(0, 0.3), case_ids=(), similarities=(), error=None,
        signal=TradeSignal(action=action, confidence=known["confidence"], reason="r", source="model"),
        model_calls=(CallRecord(role="decision", model=model),),
    )  # fmt: skip

"""A decision as one line of the main log.

BTC enter_short 5x stake 66 stop 87944 conf 75: reason | model 0.8 s, 3,100 tokens, $0.004 | cases 5
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Iterator
from decimal import Decimal

from candlegraph.agents.prompt.outside_text import plain, symbol
from candlegraph.graph.schema.signal import TradeSignal
from candlegraph.memory.books.ledger import DecisionRow

REASON_LENGTH = 160
DIGITS = 6


def decision_line(row: DecisionRow, name: str) -> str:
    """Return what was decided on `name`, why, by whom, at what cost, from how many cases; always one line."""
    decided = " ".join([name, *_words(row.signal)])
    taken = ", ".join(_taken(row))
    return f"{decided}: {plain(row.signal.reason, REASON_LENGTH)} | {taken} | cases {len(row.case_ids)}"


def short_names(pairs: Iterable[str]) -> dict[str, str]:
    """Return each pair's base currency, or the whole pair where another one has the same."""
    bases = {pair: pair.split("/")[0] for pair in pairs}
    counts = Counter(bases.values())
    return {pair: symbol(base if counts[base] == 1 else pair) for pair, base in bases.items()}


def _words(signal: TradeSignal) -> Iterator[str]:
    yield signal.action
    if signal.leverage is not None:
        yield f"{signal.leverage:g}x"
    if signal.adjustment_pct is not None:
        yield f"{signal.adjustment_pct:+g} %"
    for label, value in (("stake", signal.stake), ("stop", signal.stop)):
        if value is not None:
            yield f"{label} {figure(value)}"
    if signal.confidence:  # 0: nobody stated one
        yield f"conf {signal.confidence:.0f}"


def _taken(row: DecisionRow) -> Iterator[str]:
    yield f"{row.signal.source} {row.latency_ms / 1000:.1f} s"
    if row.model_calls:
        tokens = row.tokens_in + row.tokens_out
        yield f"{tokens:,} tokens" if tokens else "tokens unknown"
        yield "cost unknown" if row.cost is None else f"${figure(row.cost)}"
    else:
        yield "no answer" if row.tries else "no call"
    if failed := len(row.tries) + sum(len(call.tries) for call in row.model_calls):
        yield f"failed attempts {failed}"
    if row.repairs:
        yield f"sent back {row.repairs}"


def figure(value: float) -> str:
    """Return at least six significant digits and never an exponent: 87944.1, 0.0000123, 1234567890."""
    digits = max(DIGITS, len(str(int(abs(value)))))
    return f"{Decimal(f'{value:.{digits}g}'):f}"

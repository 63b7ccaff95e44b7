"""The facts of a candle, as one schema with one renderer and one parser.

The analyst fills it, the briefing always keeps it, the policy rule reads it back:

    <facts>
    pair: BTC/USDT:USDT
    30m.rsi: 54.2
    position: none
    </facts>
"""

from __future__ import annotations

import re
from functools import lru_cache
from typing import Any, Literal, NamedTuple

from pydantic import Field, ValidationError, model_validator

from candlegraph.graph.schema.errors import FactsError
from candlegraph.graph.schema.indicators import TimeframeFacts
from candlegraph.graph.schema.market import Frozen, Regime, Side, Strength
from candlegraph.graph.schema.numbers import shown

VerdictWord = Literal["warned", "favoured", "open", "unknown"]
"""Of a pattern of past trades; open: they prove neither, unknown: too few trades."""

RETIRED = {f"{side}_pattern_{what}" for side in ("long", "short") for what in ("trades", "rate")}
"""Facts of earlier versions."""
ABSENT = "none"
BLOCK = re.compile(r"<facts>\n(.*?)\n</facts>", re.DOTALL)
LINE = re.compile(r"([A-Za-z0-9_.]+): (.+)")


class PositionFacts(Frozen):
    """The open trade, as the prompt shows it."""

    side: Side
    leverage: float
    entry_price: float
    stop: float | None
    take_profit: float | None
    profit_pct: float
    r_multiple: float | None = Field(description="price move in units of the planned stop distance")
    mfe_pct: float
    mae_pct: float
    age_candles: int
    adds: int
    reductions: int
    give_back_pct: float = Field(description="best net profit minus the present one, of the stake")
    recorded_decisions: int
    holds: int


class AccountFacts(Frozen):
    """The wallet, as the prompt shows it."""

    equity: float
    free: float
    used: float
    exposure: float
    open_positions: int
    slots: int | None
    day_profit_pct: float
    drawdown_pct: float
    halted: str = Field(ABSENT, description="why entries are halted, or none")


class SidePast(NamedTuple):
    """What the past says of entries of one side; names and meanings as in `ExperienceFacts`."""

    cases: int
    success_rate: float | None
    mean_profit_pct: float | None
    within_pct: float | None
    pattern: VerdictWord
    against: float | None


class ExperienceFacts(Frozen):
    """What similar past cases and the pattern of the present setup say; counts are of closed trades of either side."""

    long_cases: int
    long_success_rate: float | None = Field(description="0-1")
    long_mean_profit_pct: float | None
    long_within_pct: float | None = Field(None, description="that mean is true to this, at 99 %; None: one trade")
    short_cases: int
    short_success_rate: float | None
    short_mean_profit_pct: float | None
    short_within_pct: float | None = None
    ids: str = Field(description="labels of the cases, space separated, or none")
    long_pattern: VerdictWord = "unknown"
    long_against: float | None = Field(None, description="evidence of a loss; 20 proves it")
    short_pattern: VerdictWord = "unknown"
    short_against: float | None = None

    @model_validator(mode="before")
    @classmethod
    def _without_retired(cls, found: Any) -> Any:
        """Leave out what earlier versions kept with a decision, so that its prompt can still be shown."""
        if not isinstance(found, dict):
            return found
        return {name: value for name, value in found.items() if name not in RETIRED}

    def of(self, side: Side) -> SidePast:
        """Return what is said of one side."""
        return SidePast(*(getattr(self, f"{side}_{name}") for name in SidePast._fields))


class Facts(Frozen):
    """Everything a rule or model needs to know of one candle and pair."""

    pair: str
    price: float
    regime: Regime
    trend_strength: Strength
    alignment: int = Field(description="timeframes in an up-trend minus those in a down-trend")
    support: float | None
    resistance: float | None
    missing: str = Field(ABSENT, description="required indicators that are unavailable, or none")
    timeframes: dict[str, TimeframeFacts]
    account: AccountFacts
    position: PositionFacts | None = None
    experience: ExperienceFacts | None = None
    closed: dict[str, str] = Field({}, description="what cannot be done now, and why; empty: everything can")


def render_facts(facts: Facts) -> str:
    """Return the delimited block; numbers with six significant digits."""
    lines = _lines(_flat(facts.model_dump(exclude={"timeframes"}), ""))
    for name, one in facts.timeframes.items():
        lines += _timeframe_lines(name, one)
    return "<facts>\n" + "\n".join(lines) + "\n</facts>"


@lru_cache(maxsize=1024)  # only one timeframe in two has a new candle
def _timeframe_lines(name: str, one: TimeframeFacts) -> tuple[str, ...]:
    return tuple(_lines(_flat(one.model_dump(), f"{name}.")))


def _lines(named: list[tuple[str, Any]]) -> list[str]:
    return [f"{key}: {ABSENT if value is None else shown(value)}" for key, value in named]


def _flat(tree: dict[str, Any], prefix: str) -> list[tuple[str, Any]]:
    """Return the values of nested dictionaries by their dotted keys."""
    found = []
    for key, value in tree.items():
        found += _flat(value, f"{prefix}{key}.") if isinstance(value, dict) else [(f"{prefix}{key}", value)]
    return found


def parse_facts(text: str) -> Facts:
    """Return the facts of the last block in `text`; raise FactsError naming the line or field that is wrong."""
    blocks = BLOCK.findall(text)
    if not blocks:
        raise FactsError("expected a <facts> block, found none")
    tree: dict[str, Any] = {}
    for line in blocks[-1].splitlines():
        match = LINE.fullmatch(line)
        if match is None:
            raise FactsError(f"expected 'key: value', was {line!r}")
        _insert(tree, match[1], None if match[2] == ABSENT and not is_text(match[1]) else match[2])
    tree["timeframes"] = {key: tree.pop(key) for key in list(tree) if key not in Facts.model_fields}
    try:
        return Facts.model_validate(tree)
    except ValidationError as e:
        raise FactsError(f"facts block: {e}") from e


TEXT_KEYS = ("missing", "experience.ids", "account.halted")
TEXTS = "closed."


def is_text(key: str) -> bool:
    """Return whether a line holds words, so that `none` is one."""
    return key in TEXT_KEYS or key.startswith(TEXTS)


def _insert(tree: dict[str, Any], dotted: str, value: str | None) -> None:
    head, _, rest = dotted.partition(".")
    if rest:
        _insert(tree.setdefault(head, {}), rest, value)
    else:
        tree[head] = value

"""A market situation as a person writes it: distances in ATR, as the facts tell them, and which answers are admissible.

A text may be several wordings of one thing: what a model does must not hang on which of them it reads.
"""

from __future__ import annotations

import tomllib
from collections.abc import Iterator
from importlib import resources
from pathlib import Path
from typing import Literal, Self

from pydantic import Field, ValidationError, model_validator

from candlegraph.graph.schema.errors import ConfigError
from candlegraph.graph.schema.facts import VerdictWord
from candlegraph.graph.schema.frozen import Frozen
from candlegraph.graph.schema.market import Side
from candlegraph.graph.schema.signal import MoveKind

Text = str | tuple[str, ...]
"""One wording, or several of one meaning."""
Answer = MoveKind
"""What a model can do; adjustments by their sign."""
FLAT: tuple[Answer, ...] = ("enter_long", "enter_short", "wait")
HELD: tuple[Answer, ...] = ("hold", "exit", "reduce", "add")
OTHER: dict[Side, Side] = {"long": "short", "short": "long"}
MIRRORED = {"+": "-", "-": "+", "0": "0", "enter_long": "enter_short", "enter_short": "enter_long"}
PACKAGED = "situations"


class WrittenPosition(Frozen):
    """The open trade; profits are net, percent of the stake."""

    side: Side
    profit: float
    best: float
    age: int = Field(ge=0, description="main candles")
    leverage: float = Field(5, ge=1)
    stop: float | None = Field(None, gt=0, description="ATR from the price; None: 2 % from the entry")
    adds: int = 0
    reductions: int = 0
    holds: int = 0
    reason: Text = ""
    past_reasons: tuple[Text, ...] = ()
    since_entry: tuple[Text, ...] = ()


class WrittenAccount(Frozen):
    """What of the wallet differs from 10,000 free with nothing open elsewhere."""

    halted: Text = ""
    paused: str = ""
    locked: Literal["long", "short", "*"] | None = None
    day_profit: float = Field(0, description="percent")
    drawdown: float = Field(0, ge=0, description="percent below the highest equity")
    open_positions: int = Field(0, ge=0, description="of other pairs")
    exposure: float = Field(0, ge=0, description="of other pairs, times the equity")
    since_loss: int | None = Field(None, ge=0, description="candles since the pair's last losing trade")


class WrittenCrowd(Frozen):
    """What others do; None: not asked for."""

    fear_greed: float | None = None
    label: Text = ""
    funding: float | None = Field(None, description="ratio per interval; positive: longs pay")
    long_short: float | None = None
    book: float | None = Field(None, ge=-1, le=1, description="(bids - asks) / (bids + asks)")
    unavailable: Text = Field("", description="why the fear and greed index is not there")


class WrittenSide(Frozen):
    """How similar past trades of one side ended."""

    trades: int = Field(10, ge=1)
    won: float = Field(ge=0, le=1)
    mean: float = Field(description="net, percent of the stake")
    within: float | None = None
    verdict: VerdictWord = "unknown"
    against: float | None = None


class WrittenPast(Frozen):
    """What the memory says."""

    long: WrittenSide | None = None
    short: WrittenSide | None = None
    lessons: tuple[Text, ...] = Field((), description="of past trades of the side with more of them")


class WrittenSituation(Frozen):
    """One situation; `trends` has one sign a timeframe, the main one (30m) first."""

    name: str = Field(min_length=1)
    group: str = Field(min_length=1)
    admissible: tuple[Answer, ...] = Field(min_length=1)
    why: str = Field(min_length=1, description="these answers and no others")
    mirror: bool = Field(False, description="the same with long and short exchanged is a situation too")
    most_leverage: float | None = Field(None, description="an entry with more is not admissible")
    price: float = Field(100, gt=0)
    trends: str = Field(pattern="^[-+0]{4}$")
    adx: float = Field(ge=0, le=100)
    rsi: float = Field(ge=0, le=100)
    distance: float = Field(description="of the close from EMA 20, ATR")
    macd: float = Field(description="histogram, ATR")
    band: float = Field(description="0 at the lower Bollinger band, 1 at the upper one")
    support: float | None = Field(gt=0, description="ATR below the price; absent: none")
    resistance: float | None = Field(gt=0, description="ATR above the price; absent: none")
    closes: tuple[float, ...] = Field(
        (), description="older ones, ATR from the price, oldest first; empty: the trend's"
    )
    volume: float = Field(1, ge=0, description="times the usual")
    wick: tuple[float, float] = Field((0.5, 0.5), description="low below and high above the close, ATR")
    past_rsi: tuple[float, ...] = ()
    patterns: tuple[str, ...] = ()
    missing: tuple[str, ...] = Field((), description="`30m.rsi`, or a timeframe whole: `1d`")
    held: WrittenPosition | None = None
    account: WrittenAccount = WrittenAccount()
    crowd: WrittenCrowd | None = None
    past: WrittenPast | None = None
    min_entry: float = Field(0, ge=0, description="what the exchange takes at least, quote currency")

    @model_validator(mode="before")
    @classmethod
    def _absent_levels(cls, given: object) -> object:
        """TOML has no word for none: a level that is not written is not there."""
        return {"support": None, "resistance": None, **given} if isinstance(given, dict) else given

    @model_validator(mode="after")
    def _can_be_answered(self) -> Self:
        possible = FLAT if self.held is None else HELD
        if wrong := sorted(set(self.admissible) - set(possible)):
            raise ValueError(f"admissible: {', '.join(wrong)}: expected of {', '.join(possible)}")
        if self.mirror and any(self.texts()):
            raise ValueError("mirror: its texts speak of a side; write the other side out")
        return self

    def texts(self) -> Iterator[Text]:
        """Yield every text that a model reads."""
        if self.held is not None:
            yield from (self.held.reason, *self.held.past_reasons, *self.held.since_entry)
        yield self.account.halted
        if self.crowd is not None:
            yield from (self.crowd.label, self.crowd.unavailable)
        if self.past is not None:
            yield from self.past.lessons

    @property
    def wordings(self) -> int:
        """Return how many wordings there are of what a model reads, 1 without a second one."""
        return max((len(one) for one in self.texts() if not isinstance(one, str)), default=1)


def packaged() -> tuple[WrittenSituation, ...]:
    """Return the situations that come with the package, mirrored ones after what they mirror."""
    folder = resources.files(__package__) / PACKAGED
    files = sorted((one for one in folder.iterdir() if one.name.endswith(".toml")), key=lambda one: one.name)
    return tuple(one for file in files for one in parsed(file.read_text(encoding="utf-8"), file.name))


def written_in(path: Path) -> tuple[WrittenSituation, ...]:
    """Return the situations of a file; raise ConfigError with its name where it cannot be read."""
    try:
        return parsed(path.read_text(encoding="utf-8"), str(path))
    except OSError as e:
        raise ConfigError(f"scenarios: {path}: {e.strerror}; expected a file of situations") from e


def parsed(text: str, name: str) -> tuple[WrittenSituation, ...]:
    """Return the situations of a TOML text; raise ConfigError with file, situation and key where one is wrong."""
    try:
        found = tomllib.loads(text).get("scenario", [])
    except tomllib.TOMLDecodeError as e:
        raise ConfigError(f"scenarios: {name}: {e}") from e
    if not found:
        raise ConfigError(f"scenarios: {name}: no [[scenario]] in it")
    given = [_one(one, name) for one in found]
    return tuple(one for written in given for one in ((written, mirrored(written)) if written.mirror else (written,)))


def _one(given: dict[str, object], name: str) -> WrittenSituation:
    try:
        return WrittenSituation.model_validate(given)
    except ValidationError as e:
        told = "; ".join(f"{'.'.join(map(str, one['loc'])) or 'as a whole'}: {one['msg']}" for one in e.errors())
        raise ConfigError(f"scenarios: {name}: {given.get('name', 'one without a name')!r}: {told}") from e


def mirrored(one: WrittenSituation) -> WrittenSituation:
    """Return the same situation with long and short exchanged."""
    held, past = one.held, one.past
    return one.model_copy(
        update={
            "name": f"{one.name}, mirrored",
            "why": f"The mirror image of: {one.why}",
            "admissible": tuple(MIRRORED.get(answer, answer) for answer in one.admissible),
            "trends": "".join(MIRRORED[sign] for sign in one.trends),
            "rsi": 100 - one.rsi,
            "distance": -one.distance,
            "macd": -one.macd,
            "band": 1 - one.band,
            "support": one.resistance,
            "resistance": one.support,
            "closes": tuple(-close for close in one.closes),
            "wick": one.wick[::-1],
            "past_rsi": tuple(100 - rsi for rsi in one.past_rsi),
            "held": held and held.model_copy(update={"side": OTHER[held.side]}),
            "past": past and past.model_copy(update={"long": past.short, "short": past.long}),
        }
    )

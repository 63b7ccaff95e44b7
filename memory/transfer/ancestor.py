"""The trades that the ancestor logged in its `trade_experience.jsonl`, as closed trades.

It kept no situation, no stop, and neither the best nor the worst price: `past_market` finds what candles still tell.
"""

from __future__ import annotations

import re
import unicodedata
from collections.abc import Mapping
from datetime import UTC, datetime, timedelta
from typing import Annotated, Any, Literal, NamedTuple

from pydantic import AfterValidator, AliasChoices, AliasPath, BaseModel, BeforeValidator, ConfigDict, Field

from candlegraph.graph.schema.experience import ANCESTOR, ClosedTrade, Experience
from candlegraph.graph.schema.market import SIGN
from candlegraph.memory.learning.report import experience_of
from candlegraph.memory.transfer.files import FieldError

CANDLE_MINUTES = 30
"""The ancestor's main timeframe; the efficiency of a shorter trade is counted over one candle."""
FEE = 0.0005
"""Ratio of the notional, per side: what the ancestor's exchange took of an order at the market."""
EARLIEST = datetime(2009, 1, 3, tzinfo=UTC)
"""There was no coin before."""
PRICE_RATIO = 10_000.0
"""No trade saw its price change so many times over."""
SIDES = {"做多": "long", "多": "long", "做空": "short", "空": "short"}
PAIR = r"^[^\s/:]+/[^\s/:]+(:[^\s/:]+)?$"
CONTROL = re.compile(r"[\x00-\x08\x0b-\x1f\x7f\ud800-\udfff]")
YEAR_FIRST = re.compile(r"(\d{4})/(\d{1,2})/(\d{1,2})")
THOUSANDS = re.compile(r"[+-]?\d{1,3}(,\d{3})+(\.\d*)?")


def plain_number(value: object) -> object:
    """Return a number written for people without its thousands' commas, percent sign or x."""
    if isinstance(value, bool):
        raise ValueError("expected a number")  # pydantic would read true as 1
    if not isinstance(value, str):
        return value
    text = unicodedata.normalize("NFKC", value).replace("\u2212", "-").strip().rstrip("%xX").strip()
    return text.replace(",", "" if THOUSANDS.fullmatch(text) else ".")


def in_utc(time: datetime) -> datetime:
    """Return the time as UTC, which it is where it names no zone."""
    try:
        known = time.astimezone(UTC) if time.tzinfo else time.replace(tzinfo=UTC)
    except OverflowError as e:
        raise ValueError("expected a time that can be") from e
    if known < EARLIEST:
        raise ValueError(f"expected a time from {EARLIEST:%Y-%m-%d} on")
    return known


def dashed(value: object) -> object:
    """Return a date that is written year/month/day with dashes; that order can be read in one way only."""
    if isinstance(value, bool):
        raise ValueError("expected a time")
    if not isinstance(value, str):
        return value
    return YEAR_FIRST.sub(lambda part: f"{part[1]}-{part[2]:0>2}-{part[3]:0>2}", value.strip())


def one_text(value: object) -> object:
    """Return lessons as one text: the ancestor wrote a list, or a text, or nothing."""
    text = " ".join(str(part) for part in value) if isinstance(value, list) else value or ""
    return CONTROL.sub(" ", text) if isinstance(text, str) else text


def side_word(word: object) -> object:
    """Return the side in our words; `buy` and `sell` may mean the order or the position, so they are none."""
    text = str(word).strip().lower()
    return SIDES.get(text, text)


def pair_word(pair: object) -> object:
    """Return a pair that is written small throughout as exchanges write it."""
    return pair.strip().upper() if isinstance(pair, str) and pair.islower() else pair


Number = Annotated[float, BeforeValidator(plain_number)]
LoggedPrice = Annotated[Number, Field(gt=0, le=1e12)]
Time = Annotated[datetime, BeforeValidator(dashed), AfterValidator(in_utc)]
LoggedText = Annotated[str, BeforeValidator(one_text)]
SideWord = Annotated[Literal["long", "short"], BeforeValidator(side_word)]


def _either(flat: str) -> AliasChoices:
    """Accept `entry_time` as well as `entry: {time}`."""
    outer, _, inner = flat.partition("_")
    return AliasChoices(flat, AliasPath(outer, inner))


class AncestorTrade(BaseModel):
    """One line of its log; what we do not know of is passed over."""

    model_config = ConfigDict(frozen=True, extra="ignore", allow_inf_nan=False, coerce_numbers_to_str=True)

    timestamp: Time | None = None
    trade_id: str = Field(min_length=1, max_length=100)
    pair: Annotated[str, BeforeValidator(pair_word)] = Field(pattern=PAIR, max_length=60)
    side: SideWord
    entry_time: Time | None = Field(None, validation_alias=_either("entry_time"))
    entry_price: LoggedPrice = Field(validation_alias=_either("entry_price"))
    entry_reason: LoggedText = Field("", validation_alias=_either("entry_reason"))
    exit_time: Time | None = Field(None, validation_alias=_either("exit_time"))
    exit_price: LoggedPrice = Field(validation_alias=_either("exit_price"))
    exit_reason: LoggedText = Field("", validation_alias=_either("exit_reason"))
    # A margin cannot lose more than itself and the fees of 100x; none grew a thousandfold.
    profit_pct: Number = Field(ge=-110, le=100_000)
    leverage: Number = Field(ge=1, le=500)
    stake_amount: LoggedPrice
    duration_minutes: Number | None = Field(None, ge=0, le=5_000_000)
    lessons: LoggedText = ""

    @property
    def closed_at(self) -> datetime:
        """Return the exit; where it was not kept, the time of the line."""
        time = self.exit_time or self.timestamp
        if time is None:
            raise FieldError("exit_time", "expected it, or a timestamp")
        return time

    @property
    def opened_at(self) -> datetime:
        """Return the entry; where it was not kept, the exit less the duration."""
        if self.entry_time is not None:
            return self.entry_time
        if self.duration_minutes is None:
            raise FieldError("entry_time", "expected it, or duration_minutes")
        return self.closed_at - timedelta(minutes=self.duration_minutes)

    def net_pct(self, fee: float) -> float:
        """Return the profit less the fees of both sides; a loss ends with the margin.

        `fee` is a ratio of the notional; the exit's is that of the entry moved by the price.
        """
        taken = fees_pct(fee, self.leverage, self.exit_price / self.entry_price)
        return max(self.profit_pct - taken, min(self.profit_pct, -100.0))


class LoggedTrade(NamedTuple):
    """One trade of the log."""

    trade: ClosedTrade
    lessons: str
    """The ancestor's own words; empty: ours stand in their place."""

    @property
    def experience(self) -> Experience:
        """Return the trade as it is remembered."""
        found = experience_of(self.trade)
        return found.model_copy(update={"lesson": self.lessons}) if self.lessons else found


def logged_from(found: Mapping[str, Any], fee: float) -> LoggedTrade:
    """Return one object of the ancestor's log as a trade of the namespace `ancestor`.

    `fee`, a ratio of the notional, comes off its profit for each side. Raises FieldError or ValidationError.
    """
    old = AncestorTrade.model_validate(found)
    return LoggedTrade(_closed_trade(old, old.net_pct(fee)), old.lessons)


def fees_pct(fee: float, leverage: float, moved: float) -> float:
    """Return the fees of both sides, % of the stake; the price at the exit is `moved` times that of the entry."""
    return 100 * fee * leverage * (1 + moved)


def net_pct_at(trade: ClosedTrade, price: float, fee: float) -> float:
    """Return the net profit of a close at a price; a loss ends with the margin."""
    moved = price / trade.entry_price
    gross = 100 * trade.leverage * SIGN[trade.side] * (moved - 1)
    return max(gross - fees_pct(fee, trade.leverage, moved), -100.0)


def _closed_trade(old: AncestorTrade, profit_pct: float) -> ClosedTrade:
    if old.opened_at > old.closed_at:
        raise FieldError("exit_time", f"expected a time after the entry at {old.opened_at}, was {old.closed_at}")
    if not 1 / PRICE_RATIO <= old.exit_price / old.entry_price <= PRICE_RATIO:
        raise FieldError(
            "exit_price", f"expected one that an entry at {old.entry_price} can reach, was {old.exit_price}"
        )
    return ClosedTrade(
        namespace=ANCESTOR,
        trade_key=f"{ANCESTOR}:{old.trade_id}:{old.opened_at:%Y%m%dT%H%M%S}",  # ids begin anew with a new database
        pair=old.pair,
        side=old.side,
        entry_price=old.entry_price,
        exit_price=old.exit_price,
        opened_at=old.opened_at,
        closed_at=old.closed_at,
        # Learnt from when it was logged: earlier nobody could know.
        known_at=max(old.closed_at, old.timestamp or old.closed_at),
        leverage=old.leverage,
        stake=old.stake_amount,
        profit_pct=profit_pct,
        profit_abs=old.stake_amount * profit_pct / 100,
        mfe_pct=max(0.0, profit_pct),
        mae_pct=min(0.0, profit_pct),
        excursions_known=False,
        candle_minutes=CANDLE_MINUTES,
        entry_reason=old.entry_reason,
        exit_reason=old.exit_reason,
        planned_stop=None,
        regime=None,
        trend_strength=None,
        entry_rsi=None,
        situation=None,
        space="",
        model_score=None,
        model=ANCESTOR,
        prompt_version="",
        decision_id="",
        liquidated="liquidation" in old.exit_reason.lower(),
        forced=False,
        events=(),
    )

"""The trades that the ancestor logged in its `trade_experience.jsonl`, as experiences.

It kept no situation, no stop, and neither the best nor the worst price: see docs/memory.md for what that does.
"""

from __future__ import annotations

import re
from datetime import UTC, datetime, timedelta
from typing import Annotated, Literal

from pydantic import AfterValidator, AliasChoices, AliasPath, BaseModel, BeforeValidator, ConfigDict, Field

from candlegraph.graph.schema.experience import ClosedTrade, Experience
from candlegraph.memory.learning.report import experience_of
from candlegraph.memory.transfer.files import FieldError

NAMESPACE = "ancestor"
CANDLE_MINUTES = 30
"""The ancestor's main timeframe; the efficiency of a shorter trade is counted over one candle."""
THOUSANDS = re.compile(r"[+-]?\d{1,3}(,\d{3})+(\.\d*)?")


def plain_number(value: object) -> object:
    """Return a number written for people without its thousands' commas, percent sign or x."""
    if not isinstance(value, str):
        return value
    text = value.strip().rstrip("%xX").strip()
    return text.replace(",", "" if THOUSANDS.fullmatch(text) else ".")


def in_utc(time: datetime) -> datetime:
    """Return the time as UTC, which it is where it names no zone."""
    return time.astimezone(UTC) if time.tzinfo else time.replace(tzinfo=UTC)


def one_text(value: object) -> object:
    """Return lessons as one text: the ancestor wrote a list, or a text, or nothing."""
    return " ".join(str(part) for part in value) if isinstance(value, list) else value or ""


Number = Annotated[float, BeforeValidator(plain_number)]
Time = Annotated[datetime, AfterValidator(in_utc)]
Text = Annotated[str, BeforeValidator(one_text)]
SideWord = Annotated[Literal["long", "short"], BeforeValidator(lambda word: str(word).strip().lower())]


def _either(flat: str) -> AliasChoices:
    """Accept `entry_time` as well as `entry: {time}`."""
    outer, _, inner = flat.partition("_")
    return AliasChoices(flat, AliasPath(outer, inner))


class AncestorTrade(BaseModel):
    """One line of its log; what we do not know of is passed over."""

    model_config = ConfigDict(frozen=True, extra="ignore", allow_inf_nan=False, coerce_numbers_to_str=True)

    timestamp: Time | None = None
    trade_id: str = Field(min_length=1)
    pair: str = Field(min_length=1)
    side: SideWord
    entry_time: Time | None = Field(None, validation_alias=_either("entry_time"))
    entry_price: Number = Field(gt=0, validation_alias=_either("entry_price"))
    entry_reason: Text = Field("", validation_alias=_either("entry_reason"))
    exit_time: Time | None = Field(None, validation_alias=_either("exit_time"))
    exit_price: Number = Field(gt=0, validation_alias=_either("exit_price"))
    exit_reason: Text = Field("", validation_alias=_either("exit_reason"))
    profit_pct: Number
    leverage: Number = Field(ge=1)
    stake_amount: Number = Field(gt=0)
    duration_minutes: Number | None = Field(None, ge=0)
    lessons: Text = ""

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


def parse_ancestor(line: str) -> Experience:
    """Return one line of the ancestor's log as an experience of the namespace `ancestor`."""
    old = AncestorTrade.model_validate_json(line)
    experience = experience_of(_closed_trade(old))
    return experience.model_copy(update={"lesson": old.lessons}) if old.lessons else experience


def _closed_trade(old: AncestorTrade) -> ClosedTrade:
    if old.opened_at > old.closed_at:
        raise FieldError("exit_time", f"expected a time after the entry at {old.opened_at}, was {old.closed_at}")
    return ClosedTrade(
        namespace=NAMESPACE,
        trade_key=f"ancestor:{old.trade_id}:{old.opened_at:%Y%m%dT%H%M%S}",  # ids begin anew with a new database
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
        profit_pct=old.profit_pct,
        profit_abs=old.stake_amount * old.profit_pct / 100,
        # The only prices known are those of entry and exit.
        mfe_pct=max(0.0, old.profit_pct),
        mae_pct=min(0.0, old.profit_pct),
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
        model="ancestor",
        prompt_version="",
        decision_id="",
        liquidated="liquidation" in old.exit_reason.lower(),
        forced=False,
        events=(),
    )

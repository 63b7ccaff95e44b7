"""What shall go wrong: a plan of typed faults, each for certain calls of one endpoint."""

from __future__ import annotations

from collections import Counter
from typing import Annotated, Literal

from pydantic import BaseModel, ConfigDict, Field, PositiveInt

from candlegraph.freqtrade_bridge.loopback.account.orders import Partial
from candlegraph.freqtrade_bridge.loopback.account.refusals import Code

Endpoint = Literal[
    "GET /sapi/v1/capital/config/getall",
    "GET /sapi/v1/margin/allPairs",
    "GET /sapi/v1/account/apiRestrictions",
    "GET /fapi/v1/positionSide/dual",
    "GET /fapi/v1/multiAssetsMargin",
    "GET /fapi/v1/leverageBracket",
    "GET /fapi/v3/account",
    "GET /fapi/v3/positionRisk",
    "GET /fapi/v1/income",
    "GET /fapi/v1/userTrades",
    "GET /fapi/v1/allOrders",
    "GET /fapi/v1/openOrders",
    "GET /fapi/v1/openAlgoOrders",
    "GET /fapi/v1/allAlgoOrders",
    "POST /fapi/v1/leverage",
    "POST /fapi/v1/marginType",
    "POST /fapi/v1/order",
    "GET /fapi/v1/order",
    "DELETE /fapi/v1/order",
    "POST /fapi/v1/algoOrder",
    "GET /fapi/v1/algoOrder",
    "DELETE /fapi/v1/algoOrder",
]
"""Every signed request that is answered."""


class _Frozen(BaseModel):
    model_config = ConfigDict(frozen=True, extra="forbid")


class Unanswered(_Frozen):
    """The answer is lost (408 is -1007, 0 a dropped connection); the exchange did what was asked, or did not."""

    kind: Literal["unanswered"] = "unanswered"
    status: Literal[0, 408, 500, 502, 503, 504] = 408
    has_acted: bool


class PlannedRefusal(_Frozen):
    """The request is refused with `code`, and nothing is done."""

    kind: Literal["refusal"] = "refusal"
    code: Code


class Throttled(_Frozen):
    """Too many requests (429), or the address is banned for it (418); nothing is done."""

    kind: Literal["throttled"] = "throttled"
    status: Literal[418, 429]
    retry_after_seconds: PositiveInt


class Late(_Frozen):
    """The answer does not know the orders, the triggered stops and the changes of positions of the last seconds."""

    kind: Literal["late"] = "late"
    seconds: PositiveInt


class PartlyFilled(_Frozen):
    """The order that is placed meets a counterparty for a part of it only."""

    kind: Literal["partly_filled"] = "partly_filled"
    partial: Partial


What = Annotated[Unanswered | PlannedRefusal | Throttled | Late | PartlyFilled, Field(discriminator="kind")]


class PlannedFault(_Frozen):
    """What happens to the nth call of an endpoint since the plan was made, and to the `times` - 1 calls after it."""

    endpoint: Endpoint
    what: What
    nth: PositiveInt = 1
    times: PositiveInt = 1

    def is_due(self, endpoint: Endpoint, call: int) -> bool:
        """Return whether it happens to this call."""
        return endpoint == self.endpoint and self.nth <= call < self.nth + self.times


class FaultPlan:
    """Faults, how often each endpoint was called since the plan was made, and what happened; the first due one does."""

    def __init__(self, *faults: PlannedFault) -> None:
        self.faults = faults
        self.calls: Counter[Endpoint] = Counter()
        self.happened: list[PlannedFault] = []

    def next(self, endpoint: Endpoint) -> What | None:
        """Count a call; return what goes wrong with it."""
        self.calls[endpoint] += 1
        due = next((fault for fault in self.faults if fault.is_due(endpoint, self.calls[endpoint])), None)
        if due is None:
            return None
        self.happened.append(due)
        return due.what

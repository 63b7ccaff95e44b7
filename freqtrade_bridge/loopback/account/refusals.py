"""What the exchange refuses, as Binance words it: ccxt and freqtrade branch on the code."""

from __future__ import annotations

from typing import Literal

from candlegraph.graph.schema.errors import CandlegraphError

Code = Literal[
    -1000, -1003, -1007, -1021, -1022, -1102, -1111, -1116, -1121, -2011, -2013, -2015, -2019, -2021, -2022, -2027,
    -4028, -4046, -4048, -4116, -4120, -4131, -4164,
]  # fmt: skip

MESSAGES: dict[Code, str] = {
    -1000: "An unknown error occurred while processing the request.",
    -1003: "Too many requests; please use the websocket for live updates to avoid polling the API.",
    -1007: "Timeout waiting for response from backend server. Send status unknown; execution status unknown.",
    -1021: "Timestamp for this request is outside of the recvWindow.",
    -1022: "Signature for this request is not valid.",
    -1102: "A mandatory parameter was not sent, was empty/null, or malformed.",
    -1111: "Precision is over the maximum defined for this asset.",
    -1116: "Invalid orderType.",
    -1121: "Invalid symbol.",
    -2011: "Unknown order sent.",
    -2013: "Order does not exist.",
    -2015: "Invalid API-key, IP, or permissions for action.",
    -2019: "Margin is insufficient.",
    -2021: "Order would immediately trigger.",
    -2022: "ReduceOnly Order is rejected.",
    -2027: "Exceeded the maximum allowable position at current leverage.",
    -4028: "Leverage is not valid.",
    -4046: "No need to change margin type.",
    -4048: "Margin type cannot be changed if there exists position.",
    -4116: "ClientOrderId is duplicated.",
    -4120: "Order type not supported for this endpoint. Please use the Algo Order API endpoints instead.",
    -4131: "The counterparty's best price does not meet the PERCENT_PRICE filter limit.",
    -4164: "Order's notional must be no smaller than 5 (unless you choose reduce only).",
}
STATUS: dict[Code, int] = {-1000: 500, -1003: 429, -1007: 408, -2015: 401}
"""HTTP status of the codes that do not come with 400."""


class Refused(CandlegraphError):
    """The exchange refuses a request; `code` says why."""

    def __init__(self, code: Code, detail: str = "") -> None:
        super().__init__(f"{MESSAGES[code]} {detail}".strip())
        self.code = code

    @property
    def http_status(self) -> int:
        """Return the HTTP status of the answer."""
        return STATUS.get(self.code, 400)

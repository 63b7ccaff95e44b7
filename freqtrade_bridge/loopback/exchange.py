"""The subset of Binance USDT-M futures over HTTP that an unmodified freqtrade asks for, on loopback."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Mapping
from decimal import Decimal
from typing import Any, Protocol

from fastapi import FastAPI, Request
from fastapi.responses import JSONResponse

from candlegraph.freqtrade_bridge.loopback.markets import Market
from candlegraph.freqtrade_bridge.loopback.series import CandleSeries, length_of
from candlegraph.freqtrade_bridge.loopback.trouble import Trouble, Troubled
from candlegraph.graph.schema.errors import CandleError, CandlegraphError

FUNDING_MS = 8 * 3_600_000
FIVE_MINUTES, DAY_MS = 300_000, 86_400_000
OPEN_INTEREST = 50_000
"""Contracts at the first price; the loopback exchange has no traders."""
SPREAD = 0.0002
DEPTH = 20
LEVEL_NOTIONAL = 1_000_000
"""What waits on each level of the book, in quote currency: deep enough for any demo order."""


class Clock(Protocol):
    """Where the exchange's time comes from."""

    def now(self) -> int:
        """Return epoch milliseconds."""


class UnknownSymbolError(CandlegraphError):
    """A request names no symbol, or one that is not listed here."""


def exchange_app(markets: Iterable[Market], clock: Clock) -> FastAPI:
    """Return the exchange; `app.state` has `hits` and `unknown` (counts of requests) and `trouble`."""
    app = FastAPI(openapi_url=None)
    app.state.hits, app.state.unknown, app.state.trouble = Counter(), Counter(), Trouble()
    by_symbol = {market.symbol: market for market in markets}
    app.add_middleware(Troubled, hits=app.state.hits, trouble=app.state.trouble)
    _refuse_as_binance(app)
    _offer_metadata(app, by_symbol, clock)
    _offer_market_data(app, by_symbol, clock)
    _offer_sentiment(app, by_symbol, clock)

    @app.api_route("/{path:path}", methods=["GET", "POST", "PUT", "DELETE"])
    async def other(path: str, request: Request) -> JSONResponse:
        app.state.unknown[f"{request.method} /{path}"] += 1
        return refusal(404, -1100, f"the loopback exchange has no /{path}; it offers public USDT-M futures data only")

    return app


def refusal(status: int, code: int, message: str) -> JSONResponse:
    """Return an error as Binance writes it: ccxt names its exception by the code."""
    return JSONResponse({"code": code, "msg": message}, status_code=status)


def _refuse_as_binance(app: FastAPI) -> None:
    @app.exception_handler(CandleError)
    async def no_such_candles(request: Request, error: CandleError) -> JSONResponse:
        return refusal(400, -1120, f"Invalid interval: {error}")

    @app.exception_handler(UnknownSymbolError)
    async def no_such_symbol(request: Request, error: UnknownSymbolError) -> JSONResponse:
        return refusal(400, -1121, f"Invalid symbol: {error}")


def _offer_metadata(app: FastAPI, markets: Mapping[str, Market], clock: Clock) -> None:
    @app.get("/fapi/v1/ping")
    async def ping() -> dict[str, Any]:
        return {}

    @app.get("/fapi/v1/time")
    async def time() -> dict[str, Any]:
        return {"serverTime": clock.now() + app.state.trouble.skew_ms}

    @app.get("/fapi/v1/exchangeInfo")
    async def exchange_info() -> dict[str, Any]:
        symbols = [symbol_info(market) for market in markets.values()]
        rest: dict[str, Any] = {"timezone": "UTC", "rateLimits": [], "exchangeFilters": []}
        return {"serverTime": clock.now(), **rest, "symbols": symbols}


def _offer_market_data(app: FastAPI, markets: Mapping[str, Market], clock: Clock) -> None:
    @app.get("/fapi/v1/klines")
    async def klines(request: Request) -> list[Any]:
        market = _asked(request, markets)
        seen_until = clock.now() - app.state.trouble.stale_ms.get(market.symbol, 0)
        return kline_rows(market.series, request.query_params, seen_until)

    @app.get("/fapi/v1/markPriceKlines")
    async def mark_klines(request: Request) -> list[Any]:
        return kline_rows(_asked(request, markets).mark_series, request.query_params, clock.now())

    @app.get("/fapi/v1/fundingRate")
    async def funding(request: Request) -> list[Any]:
        return funding_rows(_asked(request, markets), request.query_params, clock.now())

    @app.get("/fapi/v1/premiumIndex")
    async def premium(request: Request) -> Any:
        return _one_or_all(request, [premium_of(market, clock.now()) for market in _asked_or_all(request, markets)])

    @app.get("/fapi/v1/depth")
    async def depth(request: Request) -> dict[str, Any]:
        return order_book(_asked(request, markets), clock.now())

    @app.get("/fapi/v1/ticker/24hr")
    @app.get("/fapi/v1/ticker/bookTicker")
    async def ticker(request: Request) -> Any:
        return _one_or_all(request, [ticker_of(market, clock.now()) for market in _asked_or_all(request, markets)])


def _offer_sentiment(app: FastAPI, markets: Mapping[str, Market], clock: Clock) -> None:
    @app.get("/futures/data/openInterestHist")
    async def open_interest(request: Request) -> list[Any]:
        return open_interest_rows(_asked(request, markets), request.query_params, clock.now())

    @app.get("/futures/data/globalLongShortAccountRatio")
    async def long_short(request: Request) -> list[Any]:
        return long_short_rows(_asked(request, markets), request.query_params, clock.now())

    @app.get("/fng/")
    async def fear_greed(request: Request) -> dict[str, Any]:
        return fear_greed_days(next(iter(markets.values())), request.query_params, clock.now())


def _asked(request: Request, markets: Mapping[str, Market]) -> Market:
    market = markets.get(request.query_params.get("symbol", ""))
    if market is None:
        raise UnknownSymbolError(f"expected one of {', '.join(markets)}, was {request.query_params.get('symbol')!r}")
    return market


def _asked_or_all(request: Request, markets: Mapping[str, Market]) -> list[Market]:
    return [_asked(request, markets)] if "symbol" in request.query_params else list(markets.values())


def _one_or_all(request: Request, found: list[dict[str, Any]]) -> Any:
    return found[0] if "symbol" in request.query_params else found


def shown(value: float, tick: float) -> str:
    """Return `value` as the exchange writes it: a decimal text on the tick's grid."""
    grid = Decimal(repr(tick)).normalize()
    return f"{Decimal(repr(value)).quantize(grid):f}"


def exact(value: float) -> str:
    """Return `value` as the shortest decimal text that reads back as the same number."""
    return f"{Decimal(repr(value)):f}"


def symbol_info(market: Market) -> dict[str, Any]:
    """Return one entry of exchangeInfo."""
    numbers = (market.tick, market.step, market.max_quantity)
    tick, step, most = (f"{Decimal(repr(number)).normalize():f}" for number in numbers)
    return {
        "symbol": market.symbol,
        "pair": market.symbol,
        "status": "TRADING",
        "contractType": "PERPETUAL",
        "baseAsset": market.base,
        "quoteAsset": market.quote,
        "marginAsset": market.quote,
        "baseAssetPrecision": 8,
        "quotePrecision": 8,
        "deliveryDate": 4_133_404_800_000,
        "onboardDate": 1_569_398_400_000,
        "underlyingType": "COIN",
        "timeInForce": ["GTC", "IOC", "FOK", "GTX"],
        "orderTypes": ["LIMIT", "MARKET", "STOP", "STOP_MARKET"],
        "filters": [
            {"filterType": "PRICE_FILTER", "minPrice": tick, "maxPrice": "10000000", "tickSize": tick},
            {"filterType": "LOT_SIZE", "minQty": step, "maxQty": most, "stepSize": step},
            {"filterType": "MARKET_LOT_SIZE", "minQty": step, "maxQty": most, "stepSize": step},
            {"filterType": "MIN_NOTIONAL", "notional": "5", "minNotional": "5"},
        ],
    }


def kline_rows(series: CandleSeries, query: Any, now: int) -> list[Any]:
    """Return candles in the exchange's layout, unrounded: a bot on loopback and a backtest see equal candles."""
    timeframe = query["interval"]
    limit = min(int(query.get("limit", 500)), 1500)
    rows = series.klines(timeframe, now, _number(query, "startTime"), _number(query, "endTime"), limit)
    length = length_of(timeframe)
    return [
        [row[0], *map(exact, row[1:]), row[0] + length - 1,
         exact(row[5] * row[4]), 100, "0", "0", "0"]
        for row in rows
    ]  # fmt: skip


def funding_rows(market: Market, query: Any, now: int) -> list[Any]:
    """Return one funding rate every eight hours."""
    end = min(_number(query, "endTime") or now, now)
    start = max(_number(query, "startTime") or end - 100 * FUNDING_MS, int(market.series.time[0]))
    first = -(-start // FUNDING_MS) * FUNDING_MS
    times = range(first, end + 1, FUNDING_MS)[: min(int(query.get("limit", 100)), 1000)]
    return [
        {"symbol": market.symbol, "fundingTime": at, "fundingRate": f"{market.funding_rate(at):.8f}",
         "markPrice": shown(market.mark_series.price(at), market.tick)}
        for at in times
    ]  # fmt: skip


def open_interest_rows(market: Market, query: Any, now: int) -> list[Any]:
    """Return an invented open interest that grows while prices rise, in the exchange's layout, oldest first."""
    rows = []
    for at in _past_times(now, FIVE_MINUTES, int(query.get("limit", 30))):
        contracts = OPEN_INTEREST * market.series.price(at) / float(market.series.close[0])
        value = contracts * market.series.price(at)
        rows.append(
            {
                "symbol": market.symbol,
                "sumOpenInterest": f"{contracts:.3f}",
                "sumOpenInterestValue": f"{value:.3f}",
                "timestamp": at,
            }
        )
    return rows  # fmt: skip


def long_short_rows(market: Market, query: Any, now: int) -> list[Any]:
    """Return an invented account ratio that follows the last day's move, in the exchange's layout, oldest first."""
    rows = []
    for at in _past_times(now, FIVE_MINUTES, int(query.get("limit", 30))):
        ratio = market.series.price(at) / market.series.price(at - DAY_MS)
        rows.append(
            {
                "symbol": market.symbol,
                "longShortRatio": f"{ratio:.4f}",
                "longAccount": f"{ratio / (1 + ratio):.4f}",
                "shortAccount": f"{1 / (1 + ratio):.4f}",
                "timestamp": at,
            }
        )
    return rows  # fmt: skip


def fear_greed_days(market: Market, query: Any, now: int) -> dict[str, Any]:
    """Return an invented Fear & Greed index that follows the week's move, as alternative.me writes it, newest first."""
    days = []
    for at in reversed(_past_times(now, DAY_MS, int(query.get("limit", 1)))):
        move = market.series.price(at) / market.series.price(at - 7 * DAY_MS) - 1
        value = round(min(100.0, max(0.0, 50 + 300 * move)))
        word = "Greed" if value > 55 else "Fear" if value < 45 else "Neutral"
        days.append({"value": str(value), "value_classification": word, "timestamp": str(at // 1000)})
    return {"name": "Fear and Greed Index", "data": days, "metadata": {"error": None}}


def _past_times(now: int, step: int, count: int) -> list[int]:
    """Return the last `count` multiples of `step` up to `now`, oldest first."""
    newest = now // step * step
    return [newest - step * back for back in reversed(range(min(count, 500)))]


def premium_of(market: Market, now: int) -> dict[str, Any]:
    """Return mark price and next funding."""
    price = shown(market.mark_series.price(now), market.tick)
    prices = {name: price for name in ("markPrice", "indexPrice", "estimatedSettlePrice")}
    rates = {"lastFundingRate": exact(market.funding_rate(now // FUNDING_MS * FUNDING_MS)), "interestRate": "0.0001"}
    return {
        "symbol": market.symbol,
        **prices,
        **rates,
        "nextFundingTime": (now // FUNDING_MS + 1) * FUNDING_MS,
        "time": now,
    }


def order_book(market: Market, now: int) -> dict[str, Any]:
    """Return a book around the present price, deep enough for any demo order."""
    price = market.series.price(now)
    half = max(market.tick, price * SPREAD / 2)
    levels = [half + i * market.tick for i in range(DEPTH)]
    sides = {"bids": -1, "asks": 1}
    quantity = shown(max(market.step, LEVEL_NOTIONAL / price), market.step)
    book = {name: [[shown(price + sign * d, market.tick), quantity] for d in levels] for name, sign in sides.items()}
    return {"lastUpdateId": now, "E": now, "T": now, **book}


def ticker_of(market: Market, now: int) -> dict[str, Any]:
    """Return the day's ticker with best bid and ask."""
    (day,) = market.series.klines("1d", now, None, None, 1)
    price = market.series.price(now)
    book = order_book(market, now)
    named = {
        "priceChange": price - day[1],
        "openPrice": day[1],
        "highPrice": day[2],
        "lowPrice": day[3],
        "lastPrice": price,
        "weightedAvgPrice": price,
    }
    (bid, bid_quantity), (ask, ask_quantity) = book["bids"][0], book["asks"][0]
    best = {"bidPrice": bid, "bidQty": bid_quantity, "askPrice": ask, "askQty": ask_quantity}
    rest = {"volume": f"{day[5]:.3f}", "quoteVolume": f"{day[5] * price:.3f}", "openTime": day[0], "closeTime": now}
    percent = f"{(price / day[1] - 1) * 100:.3f}"
    change = {"priceChangePercent": percent, "lastQty": bid_quantity, "count": 1, "time": now}
    return {"symbol": market.symbol, **{k: shown(v, market.tick) for k, v in named.items()}, **best, **rest, **change}


def _number(query: Any, name: str) -> int | None:
    return int(query[name]) if name in query else None

"""The books as Binance writes them: one function per kind of row, the fields that ccxt and freqtrade read."""

from __future__ import annotations

from decimal import Decimal
from typing import Any

from candlegraph.freqtrade_bridge.loopback.account.books import Books, Fill, Income
from candlegraph.freqtrade_bridge.loopback.account.orders import ZERO, AlgoOrder, Order, cents
from candlegraph.freqtrade_bridge.loopback.account.positions import AccountPosition, bracket_at, liquidation_price

JsonRow = dict[str, Any]
ONE_WAY = {"positionSide": "BOTH"}


def text(value: Decimal) -> str:
    """Return a number without an exponent and without trailing zeros."""
    return f"{cents(value).normalize() + 0:f}"


def order_row(order: Order) -> JsonRow:
    """Return an order."""
    return ONE_WAY | {
        "orderId": order.id,
        "clientOrderId": order.client_id,
        "symbol": order.symbol,
        "status": order.status,
        "side": order.side,
        "type": order.type,
        "origType": order.type,
        "timeInForce": order.time_in_force,
        "price": text(order.price),
        "avgPrice": text(order.average),
        "stopPrice": "0",
        "origQty": text(order.quantity),
        "executedQty": text(order.filled),
        "cumQty": text(order.filled),
        "cumQuote": text(order.cost),
        "reduceOnly": order.reduce_only,
        "closePosition": False,
        "priceProtect": False,
        "workingType": "CONTRACT_PRICE",
        "time": order.created_at,
        "updateTime": order.updated_at,
    }


def algo_row(books: Books, algo: AlgoOrder, seen_until: int) -> JsonRow:
    """Return a conditional order; one that was triggered after `seen_until` is on its way, into an unknown order."""
    order = None if algo.order_id is None or algo.triggered_at > seen_until else books.orders[algo.order_id]
    is_on_its_way = algo.order_id is not None and order is None
    return ONE_WAY | {
        "algoId": algo.id,
        "clientAlgoId": algo.client_id,
        "algoType": "CONDITIONAL",
        "orderType": algo.type,
        "symbol": algo.symbol,
        "side": algo.side,
        "timeInForce": algo.time_in_force,
        "quantity": text(algo.quantity),
        "algoStatus": "TRIGGERING" if is_on_its_way else algo.status,
        "actualOrderId": "" if order is None else str(order.id),
        "actualPrice": "0" if order is None else text(order.average),
        "triggerPrice": text(algo.trigger),
        "price": text(algo.price),
        "workingType": algo.working,
        "priceMatch": "NONE",
        "closePosition": False,
        "priceProtect": False,
        "reduceOnly": algo.reduce_only,
        "createTime": algo.created_at,
        "updateTime": algo.updated_at,
        "triggerTime": algo.triggered_at,
        "goodTillDate": 0,
    }


def fill_row(fill: Fill) -> JsonRow:
    """Return one trade of an order."""
    return ONE_WAY | {
        "id": fill.id,
        "orderId": fill.order_id,
        "symbol": fill.symbol,
        "side": fill.side,
        "price": text(fill.price),
        "qty": text(fill.quantity),
        "quoteQty": text(fill.price * fill.quantity),
        "realizedPnl": text(fill.profit),
        "commission": text(fill.fee),
        "commissionAsset": "USDT",
        "buyer": fill.side == "BUY",
        "maker": fill.is_maker,
        "time": fill.at,
    }


def income_row(income: Income) -> JsonRow:
    """Return one change of the wallet."""
    return {
        "symbol": income.symbol,
        "incomeType": income.kind,
        "income": text(income.amount),
        "asset": "USDT",
        "info": income.kind,
        "tranId": income.id,
        "tradeId": "",
        "time": income.at,
    }


def account_row(books: Books, now: int) -> JsonRow:
    """Return wallet and margins."""
    held = books.held
    profit = sum((one.profit(books.mark_price(name, now)) for name, one in books.positions.items()), ZERO)
    initial = sum((_initial_margin(books, name, now) for name in books.positions), ZERO)
    asset = {
        "asset": "USDT",
        "walletBalance": text(books.wallet),
        "unrealizedProfit": text(profit),
        "marginBalance": text(books.wallet + profit),
        "maintMargin": "0",
        "initialMargin": text(initial + held),
        "positionInitialMargin": text(initial),
        "openOrderInitialMargin": text(held),
        "crossWalletBalance": text(books.available + held),
        "crossUnPnl": "0",
        "availableBalance": text(books.available),
        "maxWithdrawAmount": text(books.available),
        "updateTime": now,
    }
    return {
        "totalWalletBalance": text(books.wallet),
        "availableBalance": text(books.available),
        "assets": [asset],
        "positions": [],
    }


def _initial_margin(books: Books, symbol: str, now: int) -> Decimal:
    return abs(books.position(symbol).amount) * books.mark_price(symbol, now) / books.leverage(symbol)


def position_row(books: Books, symbol: str, position: AccountPosition, now: int) -> JsonRow:
    """Return a position with its risk."""
    mark = books.mark_price(symbol, now)
    notional, initial = position.amount * mark, text(abs(position.amount) * mark / books.leverage(symbol))
    bracket = bracket_at(books.brackets(symbol), abs(notional))
    return ONE_WAY | {
        "symbol": symbol,
        "positionAmt": text(position.amount),
        "entryPrice": text(position.entry),
        "breakEvenPrice": text(position.entry),
        "markPrice": text(mark),
        "unRealizedProfit": text(position.profit(mark)),
        "liquidationPrice": text(max(ZERO, liquidation_price(position, books.brackets(symbol)))),
        "isolatedMargin": text(position.margin + position.profit(mark)),
        "isolatedWallet": text(position.margin),
        "notional": text(notional),
        "marginAsset": "USDT",
        "initialMargin": initial,
        "positionInitialMargin": initial,
        "openOrderInitialMargin": "0",
        "maintMargin": text(abs(notional) * bracket.maintenance_ratio - bracket.deduction),
        "adl": 1,
        "updateTime": position.updated_at,
    }

"""What a person does in the exchange's app, and over Freqtrade's remote control."""

from decimal import Decimal

from freqtrade.enums import SignalDirection
from freqtrade.exceptions import FreqtradeException
from freqtrade.rpc import RPC, RPCException

from candlegraph.freqtrade_bridge.loopback.account.books import Books
from candlegraph.freqtrade_bridge.loopback.account.orders import OrderRequest, side_of
from candlegraph.freqtrade_bridge.loopback.account.placing import cancel_algo, close_by_hand, place
from candlegraph.freqtrade_bridge.loopback.account.refusals import Refused

BY_HAND = "web_by_hand"
"""Client's number of an order that a person placed."""


def act(books: Books, kind: str, symbol: str, number: float) -> str:
    """Do it; return what came of it."""
    held = books.position(symbol)
    if kind == "opened_by_hand":
        return "has a position already" if held.amount else _order(books, symbol, 1 if number < 0.5 else -1, number)
    if not held.amount:
        return "no position"
    if kind == "added_by_hand":
        return _order(books, symbol, held.sign, number)
    if kind == "reduced_by_hand":
        return _order(books, symbol, -held.sign, number, reduce_only=True)
    if kind == "stop_cancelled_by_hand":
        return _cancel_stops(books, symbol)
    done = close_by_hand(books, symbol)
    return f"{done.status}; {_cancel_stops(books, symbol) if kind == 'closed_by_hand_with_stop' else 'stop left'}"


def flatten(books: Books, symbol: str) -> str:
    """Close what is held and cancel every stop: the person has seen the message, and tidies up."""
    done = close_by_hand(books, symbol)
    return f"{done.status}; {_cancel_stops(books, symbol)}"


def _order(books: Books, symbol: str, sign: int, share: float, *, reduce_only: bool = False) -> str:
    """Place a market order of 30 to 300 USDT, or of a share of the position."""
    market = books.markets[symbol]
    price, step = books.best_price(symbol, sign, books.clock.now()), Decimal(repr(market.step))
    wanted = (
        abs(books.position(symbol).amount) * Decimal(str(share))
        if reduce_only
        else Decimal(30 + int(270 * share)) / price
    )
    quantity = max(step, wanted // step * step)
    asked = OrderRequest(symbol=symbol, side=side_of(sign), type="MARKET", quantity=quantity, reduce_only=reduce_only)
    try:
        number = books.new_id()
        return place(books, asked.model_copy(update={"client_id": f"{BY_HAND}_{number}"})).status
    except Refused as error:
        return f"refused: {error}"


def _cancel_stops(books: Books, symbol: str) -> str:
    stops = [one for one in books.algos.values() if one.symbol == symbol and one.is_open]
    for one in stops:
        cancel_algo(books, one)
    return f"{len(stops)} stops cancelled"


def force_entry(rpc: RPC, pair: str, number: float) -> str:
    """Send /forceenter; return what freqtrade said, that its order got no answer too."""
    side = SignalDirection.LONG if number < 0.5 else SignalDirection.SHORT
    try:
        trade = rpc._rpc_force_entry(pair, None, order_side=side)
        return f"trade {trade.id}" if trade else "nothing"
    except (RPCException, FreqtradeException) as error:
        return str(error)

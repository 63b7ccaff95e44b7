"""The true result of a closed trade, against what the exchange lists of its pair."""

from dataclasses import dataclass
from datetime import UTC, datetime, timedelta

import pytest
from freqtrade.enums import TradingMode
from freqtrade.persistence import Order, Trade, init_db

from candlegraph.freqtrade_bridge.audit.results import settle
from candlegraph.freqtrade_bridge.audit.seen import SeenFill, SeenIncome, SeenOrder

BTC = "BTC/USDT:USDT"
START = datetime(2025, 11, 20, 7, tzinfo=UTC)
FEE = 0.0005


@pytest.fixture(autouse=True)
def database():
    init_db("sqlite://")


@dataclass
class Listed:
    """What the exchange lists; `sent` is who sent the orders that no trade knows, by number."""

    fills_of_pair: list[SeenFill]
    funding: tuple[SeenIncome, ...] = ()
    taken: tuple[SeenIncome, ...] = ()
    sent: dict[str, str] = None

    def fills(self, pair, since):
        return tuple(one for one in self.fills_of_pair if one.at >= ms(-5))

    def income(self, pair, since, kind):
        return self.funding if kind == "FUNDING_FEE" else self.taken

    def became(self, stop_id, pair):
        return (f"fired {stop_id}",)

    def orders(self, pair, since):
        return tuple(seen(one, (self.sent or {}).get(one.order_id, "x-bot")) for one in self.fills_of_pair)


def ms(minutes):
    return int((START + timedelta(minutes=minutes)).timestamp() * 1000)


def fill(number, side, amount, price, minutes, fee_rate=FEE, currency="USDT"):
    return SeenFill(str(number), str(number), side, amount, price, amount * price * fee_rate, currency, ms(minutes))


def seen(one, client_id):
    at = datetime.fromtimestamp(one.at / 1000, UTC)
    return SeenOrder(
        id=one.order_id, side=one.side, filled=one.amount, price=one.price, client_id=client_id, reduces=False, at=at,
        row={},
    )  # fmt: skip


def closed(*orders, reason="exit_signal"):
    """Return a closed long of (number, side, amount, price, minutes), as freqtrade books it."""
    trade = Trade(
        pair=BTC, stake_currency="USDT", exchange="binance", is_open=True, leverage=3.0, is_short=False,
        fee_open=FEE, fee_close=FEE, open_date=START, open_rate=orders[0][3], amount=orders[0][2], stake_amount=1.0,
        amount_precision=3, price_precision=1, precision_mode=2, precision_mode_price=2, contract_size=1.0,
        trading_mode=TradingMode.FUTURES,
    )  # fmt: skip
    for number, side, amount, price, minutes in orders:
        when = START + timedelta(minutes=minutes)
        trade.orders.append(
            Order(
                order_id=str(number), ft_pair=BTC, ft_order_side=side, ft_is_open=False, ft_amount=amount,
                ft_price=price, status="closed", side=side, price=price, average=price, amount=amount, filled=amount,
                remaining=0.0, order_date=when, order_filled_date=when,
            )
        )  # fmt: skip
    trade.close(orders[-1][3], show_msg=False)
    trade.exit_reason = reason
    Trade.session.add(trade)
    Trade.commit()
    return trade


ENTRY, EXIT = (1, "buy", 0.02, 100_000.0, 0), (2, "sell", 0.02, 101_000.0, 120)


def test_a_result_that_is_booked_rightly_stays():
    trade = closed(ENTRY, EXIT)
    booked = trade.close_profit_abs
    assert settle(trade, Listed([fill(*ENTRY), fill(*EXIT)])) == 0.0
    assert trade.close_profit_abs == booked == pytest.approx(20.0 - 2.01)


def test_funding_of_a_trade_that_a_stop_ends_is_added():
    trade = closed(ENTRY, (2, "stoploss", 0.02, 99_000.0, 120))
    listed = Listed([fill(*ENTRY), fill("fired 2", "sell", 0.02, 99_000.0, 120)], (SeenIncome(-0.3, ms(60)),))
    assert settle(trade, listed) == pytest.approx(-0.3)
    assert trade.close_profit_abs == pytest.approx(-20.0 - 1.99 - 0.3)


def test_fees_at_another_rate_are_counted():
    assert settle(closed(ENTRY, EXIT), Listed([fill(*ENTRY), fill(*EXIT, fee_rate=0.0002)])) == pytest.approx(0.606)


def test_fees_in_another_currency_are_left_as_booked():
    assert settle(closed(ENTRY, EXIT), Listed([fill(*ENTRY), fill(*EXIT, currency="BNB")])) == 0.0


def test_fills_that_are_not_listed_yet_change_nothing_but_funding():
    assert settle(closed(ENTRY, EXIT), Listed([fill(*ENTRY)], (SeenIncome(-0.3, ms(60)),))) == pytest.approx(-0.3)


def test_what_a_liquidation_takes_beside_the_loss_is_added():
    trade = closed(ENTRY, (2, "sell", 0.02, 70_000.0, 120), reason="liquidation")
    earlier, its = SeenIncome(-50.0, ms(-2)), SeenIncome(-4.5, ms(120))
    listed = Listed([fill(*ENTRY), fill(2, "sell", 0.02, 70_000.0, 120, fee_rate=0)], taken=(earlier, its))
    assert settle(trade, listed) == pytest.approx(0.7 - 4.5)  # no fee of the exit


def test_a_position_closed_by_hand_in_the_very_instant_of_the_next_entry_is_not_in_the_next_result():
    before = [fill(8, "buy", 0.01, 102_000.0, -3), fill(9, "sell", 0.01, 100_000.0, 0)]
    listed = Listed([*before, fill(*ENTRY), fill(*EXIT)], (SeenIncome(-0.2, ms(-1)), SeenIncome(-0.3, ms(60))))
    assert settle(closed(ENTRY, EXIT), listed) == pytest.approx(-0.3)


def test_an_addition_whose_answer_was_lost_and_that_ends_by_itself_is_not_in_the_trades_result():
    """The exchange's average entry is another one from then on, and so is the profit that it names."""
    lost, its_end = fill(3, "buy", 0.02, 102_000.0, 30), fill(4, "sell", 0.02, 99_000.0, 150)
    listed = Listed([fill(*ENTRY), lost, fill(*EXIT), its_end], (SeenIncome(-0.3, ms(60)), SeenIncome(-0.1, ms(140))))
    assert settle(closed(ENTRY, EXIT), listed) == pytest.approx(-0.15)  # half of what both paid together


def test_an_addition_whose_answer_was_lost_and_that_the_trades_exit_closed_is_in_its_result():
    trade = closed(ENTRY, (2, "sell", 0.03, 101_000.0, 120))
    settle(trade, Listed([fill(*ENTRY), fill(3, "buy", 0.01, 102_000.0, 30), fill(2, "sell", 0.03, 101_000.0, 120)]))
    assert trade.close_profit_abs == pytest.approx(20.0 - 10.0 - FEE * (2000 + 1020 + 3030))


def test_a_part_that_somebody_else_opened_and_that_the_trades_exit_closed_is_not_in_its_result():
    trade = closed(ENTRY, (2, "sell", 0.03, 101_000.0, 120))
    fills = [fill(*ENTRY), fill(3, "buy", 0.01, 102_000.0, 30), fill(2, "sell", 0.03, 101_000.0, 120)]
    settle(trade, Listed(fills, sent={"3": "web_abc"}))
    assert trade.close_profit_abs == pytest.approx(20.0 - 2.01)

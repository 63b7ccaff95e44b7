"""How long ago a pair lost money last, as a live bot asks its database."""

from datetime import UTC, datetime, timedelta

import pytest
from freqtrade.persistence import Trade, init_db
from sqlalchemy import event

from candlegraph.freqtrade_bridge.feeds.account import candles_since_loss

BTC, ETH = "BTC/USDT:USDT", "ETH/USDT:USDT"
HALF_HOUR = timedelta(minutes=30)
NOW = datetime(2025, 11, 20, 12, tzinfo=UTC)


@pytest.fixture(autouse=True)
def database():
    init_db("sqlite://")


def closed(pair, candles_ago, profit):
    """Store a trade that was closed a minute into a candle, so many candles ago."""
    at = (NOW - candles_ago * HALF_HOUR + timedelta(minutes=1)).replace(tzinfo=None)
    trade = Trade(
        pair=pair, stake_currency="USDT", exchange="binance", is_open=False, leverage=1.0, is_short=False,
        fee_open=0.0, fee_close=0.0, open_date=at, close_date=at, open_rate=100.0, amount=1.0, stake_amount=100.0,
        close_profit=profit,
    )  # fmt: skip
    Trade.session.add(trade)
    Trade.commit()


def test_the_newest_loss_of_the_pair_counts_and_neither_gains_nor_other_pairs_do():
    assert candles_since_loss(BTC, NOW, HALF_HOUR) is None
    for pair, candles_ago, profit in ((BTC, 9, -0.1), (BTC, 4, -0.1), (BTC, 2, 0.1), (ETH, 1, -0.1)):
        closed(pair, candles_ago, profit)
    assert candles_since_loss(BTC, NOW, HALF_HOUR) == 4


def test_the_trades_of_months_are_not_loaded_for_it():
    for candles_ago in range(2, 30):
        closed(BTC, candles_ago, -0.1)
    Trade.session.expunge_all()
    loaded = []
    event.listen(Trade, "load", lambda trade, context: loaded.append(trade))
    assert candles_since_loss(BTC, NOW, HALF_HOUR) == 2
    assert loaded == []

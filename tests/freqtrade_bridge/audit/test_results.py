"""What the books of a closed trade lack of the exchange's income."""

from types import SimpleNamespace

import pytest

from candlegraph.freqtrade_bridge.audit.results import _missing

FEES = {"COMMISSION": -1.0}


def closed(profit=9.0, funding=0.0, reason="exit_signal"):
    """Return a trade of 1,000 whose books know `funding`, with fees of 1 in all."""
    orders = [SimpleNamespace(funding_fee=None), SimpleNamespace(funding_fee=funding or None)]
    return SimpleNamespace(
        orders=orders,
        close_profit_abs=profit,
        open_trade_value=1000.0,
        fee_open=0.0005,
        fee_close=0.0005,
        exit_reason=reason,
    )


def test_funding_that_freqtrade_did_not_book_is_missing():
    assert _missing(closed(), FEES | {"REALIZED_PNL": 10.0, "FUNDING_FEE": -0.3}) == pytest.approx(-0.3)
    assert _missing(closed(8.7, -0.3), FEES | {"REALIZED_PNL": 10.0, "FUNDING_FEE": -0.3}) == pytest.approx(0.0)


def test_fees_at_another_rate_are_missing():
    assert _missing(closed(9.4), {"COMMISSION": -1.0, "REALIZED_PNL": 10.0}) == pytest.approx(-0.4)


def test_income_whose_newest_rows_are_not_listed_yet_changes_nothing_but_funding():
    assert _missing(closed(), {"COMMISSION": -0.5, "FUNDING_FEE": -0.3}) == pytest.approx(-0.3)
    assert _missing(closed(), {"COMMISSION": -0.5, "REALIZED_PNL": 8.0}) == 0.0


def test_income_that_is_not_this_trades_alone_changes_nothing_but_funding():
    assert _missing(closed(), FEES | {"REALIZED_PNL": 60.0, "FUNDING_FEE": -0.3}) == pytest.approx(-0.3)


def test_the_rest_of_a_liquidated_margin_is_missing():
    paid = {"COMMISSION": -0.5, "REALIZED_PNL": -95.0, "INSURANCE_CLEAR": -4.5}
    assert _missing(closed(-95.5, reason="liquidation"), paid) == pytest.approx(-4.5)

"""Whether a run shows an edge, by stated rules: in words, with what so many trades can show at all."""

from datetime import UTC, date, datetime

import numpy as np
import pytest

from candlegraph.freqtrade_bridge.truth.edge import FEWEST, edge_of, interval_of
from candlegraph.freqtrade_bridge.truth.parted import parted

AGENTS = np.random.default_rng(1).normal(0.0, 0.1, 499)


def trades(mean, count, seed=2, sd=1.5):
    drawn = np.random.default_rng(seed).normal(0, sd, count)
    return (drawn - drawn.mean()) / drawn.std(ddof=1) * sd + mean


@pytest.mark.parametrize(
    ("r", "expected"),
    [
        (trades(0.6, 200), "edge shown"),
        (trades(-0.2, 200), "no edge shown"),
        (trades(0.05, 200), "too little data to tell"),
        (trades(2.0, FEWEST - 1), "too little data to tell"),
    ],
    ids=["far above", "a loss", "a small gain", "few trades"],
)
def test_the_judgement_follows_from_the_trades(r, expected):
    assert edge_of(r, AGENTS).judgement == expected


def test_a_bull_market_shows_no_edge_where_random_agents_earn_as_much():
    lucky = AGENTS + 0.6
    edge = edge_of(trades(0.6, 200), lucky)
    assert edge.interval[0] > 0
    assert edge.judgement == "no edge shown"


def test_what_can_be_shown_is_stated_with_its_price_in_trades():
    edge = edge_of(trades(0.15, 100, sd=1.7), AGENTS)
    assert edge.smallest_r == pytest.approx(2.49 * 1.7 / 10, rel=0.02)
    assert edge.needed == pytest.approx(6.2 * (1.7 / 0.15) ** 2, rel=0.02)  # about 800
    assert edge_of(trades(-0.1, 100), AGENTS).needed is None


@pytest.mark.parametrize("worlds", [30, pytest.param(400, marks=pytest.mark.slow)])
def test_the_interval_holds_the_mean_in_nine_of_ten_worlds(worlds):
    held = []
    for seed in range(worlds):
        low, high = interval_of(np.random.default_rng(seed).standard_t(4, 60))
        held.append(low <= 0 <= high)
    assert abs(np.mean(held) - 0.9) <= 3 * (0.9 * 0.1 / worlds) ** 0.5


@pytest.mark.slow
def test_without_an_edge_one_is_shown_in_few_worlds():
    shown = [
        edge_of(
            np.random.default_rng(seed).normal(0, 1.5, 100), np.random.default_rng(seed + 9000).normal(0, 0.15, 199)
        )
        for seed in range(150)
    ]
    assert np.mean([edge.judgement == "edge shown" for edge in shown]) <= 0.08


def test_trades_that_all_made_the_same_have_an_interval_without_width():
    assert interval_of(np.full(30, -0.002)) == pytest.approx((-0.002, -0.002))


def test_a_trade_of_the_last_day_that_the_model_knows_is_none_of_after():
    ends = [
        datetime(2025, 3, 30, 12, tzinfo=UTC),
        datetime(2025, 3, 31, 23, tzinfo=UTC),
        datetime(2025, 4, 1, tzinfo=UTC),
    ]
    seconds = np.array([one.timestamp() for one in ends], dtype=np.int64)
    found = parted(np.array([1.0, 2.0, 3.0]), seconds, date(2025, 3, 31))
    assert (found.before.trades, found.before.mean_r) == (2, 1.5)
    assert (found.after.trades, found.after.mean_r, found.after.interval) == (1, 3.0, None)

"""What finished cells say together: accounts, differences, noise between repetitions, and what takes from a verdict."""

from datetime import UTC, date, datetime, timedelta
from pathlib import Path

import numpy as np
import pytest

from candlegraph.freqtrade_bridge.host.trials import Begun, Ended, Trial
from candlegraph.freqtrade_bridge.lab.evaluation.cells import CellResult, KeptCell
from candlegraph.freqtrade_bridge.lab.evaluation.judged import evaluation_of
from candlegraph.freqtrade_bridge.lab.evaluation.plan import EvaluationPlan
from candlegraph.freqtrade_bridge.lab.evaluation.verdict import doubts_of
from candlegraph.freqtrade_bridge.truth.edge import edge_of

DAYS = 20
SUMS = {
    "trades": 4, "won": 3, "gained": 90.0, "lost": 30.0, "long": 2, "volume": 4000.0, "fees": 2.0, "funding": -1.0,
    "liquidations": 0, "candles": 100, "exposed": 25.0, "decisions": 100, "fallbacks": 0, "tokens": 400,
}  # fmt: skip
BEGIN = date(2024, 6, 1)
AT = datetime(2026, 1, 1, tzinfo=UTC)


def plan_of(**changes):
    windows = {"begin": BEGIN, "end": BEGIN + timedelta(2 * DAYS), "length_days": DAYS, "purge_days": 0}
    given = {"name": "p", "pairs": ["A", "B"], "windows": windows, "baselines": ["hold", "wait"]}
    return EvaluationPlan.model_validate(given | {"strategies": [{"name": "mine"}]} | changes)


def cell(strategy, window, seed, *, account="all", repetition=0, mean=0.0, spent=0.5, **sums):
    days = np.random.default_rng([seed, window]).normal(mean, 0.01, DAYS)
    equity = tuple((1000 * np.concatenate([[1], np.cumprod(1 + days)])).tolist())
    begin = BEGIN + timedelta(DAYS * window)
    result = CellResult(
        key=f"{strategy}.{window}", strategy=strategy, account=account, pairs=("A",), window=window,
        repetition=repetition, begin=f"{begin}", end=f"{begin + timedelta(DAYS)}", timeframe="30m", currency="USDT",
        start=1000.0, equity=equity, freqtrade={}, sums=SUMS | sums, r=(), ended=(), entries={}, fee=0.0005,
    )  # fmt: skip
    return KeptCell(result=result, run="", seconds=1.0, spent=spent)


def both(strategy, seed, **more):
    return [cell(strategy, window, seed, **more) for window in (0, 1)]


def judged(cells, trials=(), **changes):
    return evaluation_of(plan_of(**changes), cells, trials, Path())


def trial(run, sharpe, days):
    begun = Begun(run=run, at=AT, strategy="S", model="m", prompt="", config=run, pairs=("A",), timerange="", days=days)
    return Trial(begun, Ended(run=run, at=AT, trades=9, net=0.1, sharpe=sharpe))


def test_trials_are_counted_and_those_that_took_as_long_say_how_far_ratios_lie_apart():
    cells = [*both("mine", 1), *both("hold", 2)]
    alone = judged(cells).selection
    assert (alone.trials, alone.hurdle) == (1, 0.0)
    long = [trial("a", 3.0, 40), trial("b", -3.0, 30)]
    many = judged(cells, [*long, trial("c", 90.0, 2), trial("d", None, 40)]).selection
    assert many.trials == 5
    own = judged(cells).lines[0].ratios.ffn.sharpe
    assert many.deviation == pytest.approx(np.std([3.0, -3.0, own], ddof=1))
    assert many.deflated < alone.deflated


def test_a_window_goes_on_with_what_the_one_before_left_and_sums_are_of_all():
    cells = both("mine", 1) + both("hold", 2)
    line, hold, wait = judged(cells).lines
    ends = [one.result.equity[-1] / 1000 for one in cells[:2]]
    assert line.returned == pytest.approx(ends[0] * ends[1] - 1)
    assert line.windows == pytest.approx([one - 1 for one in ends])
    assert (line.sums.trades, line.sums.win_rate, line.sums.profit_factor) == (8, 0.75, 3.0)
    assert (line.sums.exposure, line.sums.fees, line.sums.spent_per_trade) == (0.25, 0.002, 0.125)
    assert line.sums.tokens_per_trade == 100
    assert wait.equity == (1.0,) * (2 * DAYS + 1) and len(hold.equity) == len(wait.equity)


def test_accounts_of_their_own_are_one_in_equal_parts():
    cells = [*both("mine", 1, account="A"), *both("mine", 2, account="B"), *both("hold", 3)]
    line = judged(cells, accounts="each").lines[0]
    ends = np.array([one.result.equity[-1] / 1000 for one in cells[:4]])
    assert line.windows == pytest.approx([(ends[0] + ends[2]) / 2 - 1, (ends[1] + ends[3]) / 2 - 1])


def test_what_repetitions_differ_by_stands_beside_the_result_and_drowns_a_small_one():
    cells = [*both("mine", 1), *both("mine", 2, repetition=1), *both("mine", 3, repetition=2), *both("hold", 4)]
    said = judged(cells, repetitions=3)
    line = said.lines[0]
    assert line.noise == pytest.approx(np.std(line.repeated, ddof=1)) and len(line.repeated) == 3
    assert line.returned == line.repeated[0]
    assert any("less than twice what its repetitions differ by" in one for one in said.doubts)


def test_a_difference_is_told_with_its_interval_and_only_a_real_one_leaves_zero_out():
    far, near = judged([*both("mine", 1, mean=0.02), *both("hold", 2)]), judged([*both("mine", 1), *both("hold", 2)])
    assert far.lines[0].against["hold"].interval[0] > 0
    low, high = near.lines[0].against["hold"].interval
    assert low < 0 < high


def test_a_strategy_that_made_no_trade_is_told_so():
    assert judged([*both("mine", 1), *both("hold", 2)]).verdict == (
        "Too little data to tell: mine made no trade with a stop."
    )


def test_money_of_which_a_price_is_unknown_is_no_sum():
    assert judged([*both("mine", 1, spent=None), *both("hold", 2)]).lines[0].sums.spent is None


def test_doubts_are_said_where_a_model_fell_back_and_where_an_edge_may_be_the_choosing():
    said = judged([*both("mine", 1, fallbacks=40), *both("hold", 2)])
    assert "40% of its decisions fell back" in said.doubts[0]
    shown = edge_of(np.random.default_rng(1).normal(1, 1, 100), np.random.default_rng(2).normal(0, 0.1, 499))
    line = said.lines[0].model_copy(update={"edge": shown})
    lucky = said.selection.model_copy(update={"trials": 90, "deflated": 0.4, "spa": 0.3, "overfitting": 0.6})
    told = " ".join(doubts_of([line, line], lucky))
    assert "90 backtests were tried here" in told and "SPA p = 0.30" in told and "overfitting 60%" in told
    assert len(list(doubts_of([line], lucky.model_copy(update={"deflated": 0.99, "overfitting": None})))) == 1

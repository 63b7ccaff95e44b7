"""Verdicts and advice: what they say, and how often they are wrong when read after every trade."""

import math
from concurrent.futures import ProcessPoolExecutor
from datetime import UTC, datetime, timedelta
from functools import partial
from multiprocessing import get_context

import null_world
import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from candlegraph.graph.settings.experience import Reward
from candlegraph.memory.counterfactual.outcomes import table_of
from candlegraph.memory.learning.advice import BETS as ADVICE_BETS
from candlegraph.memory.learning.advice import TRIED, Gains, Paired, paired
from candlegraph.memory.learning.advice import WEIGHTS as ADVICE_WEIGHTS
from candlegraph.memory.learning.counts import Completed, Counts
from candlegraph.memory.learning.evidence import (
    AGAINST,
    FOR,
    LEAST_FACTOR,
    PROOF,
    WEIGHTS,
    Evidence,
    Result,
    Span,
    shrunk_mean,
    verdict_of,
)
from candlegraph.memory.learning.outline import Outline
from candlegraph.memory.learning.patterns import advised as standing
from candlegraph.memory.learning.patterns import judged
from candlegraph.memory.learning.setups import Setup

START = datetime(2025, 1, 1, tzinfo=UTC)


def result(value, opened, closed, side="long"):
    return Result(Span(side, START + timedelta(hours=opened), START + timedelta(hours=closed)), value)


def results(values, side="long"):
    """Return results one after another."""
    return [result(value, 2 * place, 2 * place + 1, side) for place, value in enumerate(values)]


def evidence(found):
    """Return the evidence of results that became known in this order."""
    made = Evidence()
    for one in found:
        made.add(one)
    return made


def grown(values, bets, weights, axis=-1):
    """Return the weighted sum of running products, whole courses at once."""
    total = np.zeros_like(values)
    for bet, weight in zip(bets, weights, strict=True):
        total += weight * np.cumprod(np.maximum(1 + bet * values, LEAST_FACTOR), axis=axis)
    return total


def running(values):
    """Return both capitals after each result along the last axis."""
    return grown(values, FOR, WEIGHTS), grown(-values, AGAINST, WEIGHTS)


def product(values, bet):
    return math.prod(max(1 + bet * value, 0.02) for value in values)


def test_the_capitals_are_the_stated_sums_of_products():
    values = [1.0, -1.0, 2.5, -60.0]
    up = 0.05 * product(values, 0.05) + 0.15 * product(values, 0.15) + 0.8 * product(values, 0.4)
    down = 0.05 * product(values, -0.05) + 0.15 * product(values, -0.15) + 0.8 * product(values, -0.25)
    assert evidence(results(values)).capital == pytest.approx((up, down))
    assert Evidence().capital == (1, 1)
    assert [one[-1] for one in running(np.array(values))] == pytest.approx([up, down])


@pytest.mark.parametrize(
    ("values", "said"), [([1.0] * 12, "favoured"), ([-1.0] * 16, "warned"), ([1.0, -1.0] * 30, "open")]
)
def test_a_verdict_needs_twenty_times_the_stake(values, said):
    found = evidence(results(values))
    assert verdict_of([found], [1]).judgement == said
    assert (max(found.capital) >= PROOF) == (said != "open")


def test_many_small_wins_and_few_large_losses_are_not_favoured():
    verdict = verdict_of([evidence(results(([0.25] * 4 + [-1.5]) * 12))], [1])
    assert verdict.wins / verdict.trades == 0.8
    assert verdict.judgement != "favoured"


def test_the_finest_level_with_a_verdict_is_shown_by_its_place():
    few, good = results([0.5, 0.5]), results([1.0] * 20)
    cells = [*map(evidence, (few, good, [*good, *results([-1.0] * 3)]))]
    verdict = verdict_of(cells, [0.2, 0.3, 0.5])
    assert (verdict.judgement, verdict.level, verdict.trades) == ("favoured", 1, 20)
    assert verdict_of(cells, [0.002, 0.002, 0.002]).judgement == "open"  # the others lie idle
    nothing = verdict_of([*map(evidence, ([], few, few))], [0.2, 0.3, 0.5])
    assert (nothing.judgement, nothing.level, nothing.trades) == ("open", 1, 2)


def test_a_trade_that_opens_while_another_is_open_counts_a_quarter_and_bets_what_was_there_at_its_opening():
    overlap = [result(1.0, 0, 5), result(0.5, 3, 9), result(-1.0, 8, 12), result(2.0, 12, 13)]
    up = 0.0
    for bet, weight in zip(FOR, WEIGHTS, strict=True):
        first = 1 + bet * 1.0
        second = first + 1.0 * bet * 0.5 / 4  # nothing had closed when it opened
        third = second - first * bet * 1.0 / 4  # the first had closed
        up += weight * (third + third * bet * 2.0)
    long = evidence(overlap)
    assert long.capital.up == pytest.approx(up)
    assert (long.trades, long.observations) == (4, 2.5)
    noted = [one._replace(beside=number) for number, one in enumerate(results([1.0, 1.0]))]
    assert evidence(noted).observations == 1.25  # the other was of another set-up, or is open still
    at_once = evidence([result(1.0, 0, 5), result(1.0, 0, 9)])
    assert (at_once.trades, at_once.observations) == (2, 1.25)
    assert at_once.capital == pytest.approx(evidence(results([1.25])).capital)


def test_a_long_trade_does_not_undo_what_short_ones_beside_it_have_proved():
    short = [result(-1.0, hour, hour + 0.5) for hour in range(1, 30)]
    assert evidence(short).judgement == "warned"
    assert evidence([*short, result(0.5, 28, 60)]).judgement == "warned"


SPANS = st.lists(st.tuples(st.integers(0, 40), st.integers(0, 12), st.floats(-3, 6)), max_size=25)


@given(SPANS)
def test_evidence_is_that_of_the_trades_in_whatever_order_they_become_known(drawn):
    found = [result(value, begin, begin + length) for begin, length, value in drawn]
    ordered = sorted(found, key=lambda one: (one.span.closed_at, one.span.opened_at))
    capital = {bet: [1.0] for bet in (*FOR, *(-bet for bet in AGAINST))}
    shares = []
    for one in ordered:
        opened = one.span.opened_at
        beside = [other.span for other in ordered if other.span.opened_at < opened < other.span.closed_at]
        at_once = sum(other.span.opened_at == opened for other in ordered)
        shares.append(np.mean([1 / (1 + len(beside) + place) ** 2 for place in range(at_once)]))
        known = sum(other.span.closed_at <= opened and other.span.opened_at < opened for other in ordered)
        for bet, course in capital.items():
            course.append(max(course[-1] + course[known] * bet * shares[-1] * one.value, LEAST_FACTOR * course[-1]))
    counted = evidence(found)
    assert counted.observations == pytest.approx(sum(shares))
    sides = [(FOR, 1), (AGAINST, -1)]
    expected = [sum(w * capital[sign * bet][-1] for w, bet in zip(WEIGHTS, bets, strict=True)) for bets, sign in sides]
    assert counted.capital == pytest.approx(expected)


def test_a_coarser_mean_leaves_the_finer_cells_own_trades_out():
    own, all_of_them = [1.0] * 8, [1.0] * 8 + [-1.0] * 8
    own, all_of_them = (evidence(results(one)) for one in (own, all_of_them))
    assert shrunk_mean([own, all_of_them]) == pytest.approx((8 * (-8 / 16) + 8) / 16)
    assert shrunk_mean([own, own]) == pytest.approx(0.5)
    assert shrunk_mean([Evidence(), Evidence()]) is None


def advised_by(gains, count):
    """Return the advice of trades that all gain as much."""
    gains = tuple(gains.get(one, 0.0) for one in TRIED)
    counted = Gains()
    for one in results([0.0] * count):
        counted.add(Paired(span=one.span, gains_atr=gains))
    return counted.better


def test_advice_names_the_rule_that_did_better_once_all_bets_together_have_won():
    better = {("stop", 2.0): 2.5, ("target", 1.0): 1.0}
    assert advised_by(better, 12) is None
    advice = advised_by(better, 25)
    assert (*advice.rule, advice.trades) == ("stop", 2.0, 25)
    gains = np.array([[better.get(one, 0.0) for one in TRIED]] * 25)
    capital = grown(gains, ADVICE_BETS, ADVICE_WEIGHTS, axis=-2)[-1]
    assert (advice.average, advice.capital) == pytest.approx((capital.mean(), capital.max()))
    assert advice.average >= PROOF
    assert advice.gain_atr == pytest.approx(2.5 * 25 / 33)
    assert advised_by({("stop", 2.0): -2.5}, 100) is None
    assert Gains().better is None


def test_advice_holds_nothing_that_needs_hindsight_and_no_blurred_stop():
    assert {one.kind for one in TRIED} == {"stop", "target", "later", "time"}
    assert ("stop", 0.5) not in TRIED


def test_a_table_that_is_still_open_is_no_fair_sample():
    path, span = next(iter(null_world.trades(np.random.default_rng(1), 1)))
    with pytest.raises(ValueError, match="complete table"):
        paired(table_of(path, path.ending.known_at), span)
    assert len(paired(table_of(path, null_world.known_by(path)), span).gains_atr) == len(TRIED)


PAYOFFS = ["unit", "stop", "fat"]


def payoff(rng, share, shape, kind, mean=None):
    """Return net R with a share of winners; `mean`: the winners are scaled so that it is the expectation."""
    loss = {
        "unit": lambda: np.ones(shape),
        "stop": lambda: rng.triangular(0.3, 1, 1.3, shape) / 0.867,
        "fat": lambda: np.minimum(rng.lognormal(-0.18, 0.6, shape), 8),
    }[kind]()
    gain = {
        "unit": lambda: np.ones(shape),
        "stop": lambda: rng.gamma(2, 0.5, shape),
        "fat": lambda: np.minimum(rng.lognormal(-0.32, 0.8, shape), 12),
    }[kind]()
    scale = 1.0 if mean is None else (mean + (1 - share) * loss.mean()) / (share * gain.mean())
    return np.where(rng.random(shape) < share, gain * scale, -loss)


def ever(capital):
    """Return in what share of the courses the capital reaches the proof at any time."""
    return float((capital.max(-1) >= PROOF).mean())


@pytest.mark.parametrize("kind", PAYOFFS)
@pytest.mark.parametrize("trades", [60, 300])
def test_a_mean_of_nothing_is_hardly_ever_judged_at_any_time(kind, trades):
    for share in (0.4, 0.5, 0.6) if kind != "unit" else (0.5,):
        up, down = running(payoff(np.random.default_rng(1), share, (1_000, trades), kind, 0.0))
        assert ever(up) <= 0.064
        assert ever(down) <= 0.064


def test_a_planted_set_up_is_found():
    found = {n: ever(running(payoff(np.random.default_rng(2), 0.75, (1_000, n), "unit"))[0]) for n in (40, 30, 20)}
    assert found[40] >= 0.80
    assert found[30] >= 0.65
    assert found[20] >= 0.40


def test_pairs_that_move_together_prove_no_more_than_one():
    rng = np.random.default_rng(3)
    moves = np.sqrt(0.8) * rng.normal(size=(1_000, 60, 1)) + np.sqrt(0.2) * rng.normal(size=(1_000, 60, 3))
    first = [result(x, 2 * i + 0.1 * k, 2 * i + 1) for i, row in enumerate(moves[0]) for k, x in enumerate(row)]
    together = moves @ [1, 1 / 4, 1 / 9]
    up, down = running(together[0])
    assert evidence(first).capital == pytest.approx((up[-1], down[-1]))
    assert ever(running(together)[0]) <= 0.064
    assert ever(running(moves.reshape(1_000, -1))[0]) >= 0.15


def lasting(rng, trades, winners):
    """Return trades of three pairs that know nothing of each other, mean 0; winners last longer, or less long."""
    share, gain, loss = (1 / 3, 2.0, -1.0) if winners == "slow" else (2 / 3, 1.0, -2.0)
    free, found = rng.exponential(4, 3), list[Result]()
    while len(found) < 2 * trades:
        pair = int(free.argmin())
        opened, has_won = free[pair], rng.random() < share
        closed = opened + 0.1 + rng.exponential(12 if has_won == (winners == "slow") else 3)
        now = START + timedelta(hours=opened)
        beside = sum(one.span.closed_at > now for one in found)
        found.append(result(gain if has_won else loss, opened, closed)._replace(beside=beside))
        free[pair] = closed + rng.exponential(4)
    return sorted(found, key=lambda one: one.span.closed_at)[:trades]


def judged_in(course):
    """Return which verdicts are ever reached, read after every trade."""
    counted, said = Evidence(), set()
    for one in course:
        counted.add(one)
        said.add(counted.judgement)
    return said


@pytest.mark.parametrize("winners", ["slow", "quick"])
@pytest.mark.parametrize(
    ("courses", "trades"), [(80, 200), pytest.param(1_000, 300, marks=pytest.mark.slow, id="a thousand")]
)
def test_winners_that_last_longer_than_losers_are_not_held_against_the_set_up(winners, courses, trades):
    """Read as the mean of all that overlap, a fifth to a third of such courses is judged falsely."""
    said = [judged_in(lasting(np.random.default_rng([9, number]), trades, winners)) for number in range(courses)]
    for verdict in OUTCOMES:
        assert sum(verdict in one for one in said) / courses <= 0.064


def courses(seed, count, trades):
    """Return the differences of every alternative, by course and trade."""
    return np.array([null_world.gains(seed, trades, number) for number in range(count)])


def advised(gains):
    """Return in what share of the courses advice is given at any time."""
    return float((average(gains).max(-1) >= PROOF).mean())


def test_nothing_to_learn_is_hardly_ever_advised():
    pool = courses(5, 4, 60).reshape(-1, len(TRIED))
    pool -= pool.mean(0)  # few trades, drawn again: their own mean is no rule that is better
    drawn = np.random.default_rng(6).integers(0, len(pool), (400, 300))
    assert advised(pool[drawn]) <= 0.064
    assert advised(pool[drawn] + 0.8 * (np.arange(len(TRIED)) == 2)) >= 0.8


@pytest.mark.slow
def test_nothing_to_learn_is_hardly_ever_advised_in_a_thousand_courses():
    with ProcessPoolExecutor(mp_context=get_context("spawn")) as pool:  # 8 minutes of one core
        gains = np.array(list(pool.map(partial(null_world.gains, 7, 300), range(1_000), chunksize=25)))
    assert advised(gains[:, :60]) <= 0.064
    assert advised(gains) <= 0.064
    assert (np.max([average(one).max(-1) for one in by_level(gains)], axis=0) >= PROOF).mean() <= 0.064


def average(gains):
    """Return the capital over all that was tried, after each trade."""
    return grown(gains, ADVICE_BETS, ADVICE_WEIGHTS, axis=-2).mean(-1)


def neighbours(gains):
    """Return which trades have the RSI of the set-up that is asked for, and which its volatility."""
    rng = np.random.default_rng(11)
    return [rng.integers(0, 2, gains.shape[:2]) == 0 for _ in range(2)]


def by_level(gains):
    """Return the courses as each level of a set-up counts them, trades of other cells as nothing."""
    rsi, volatility = neighbours(gains)
    return [np.where(taken[..., None], gains, 0.0) for taken in (rsi & volatility, rsi, np.ones_like(rsi))]


TREE = Setup("long", "trend_up", "strong", "45-55", "normal", "1-5x")
RULES, OUTCOMES = Reward(), ("favoured", "warned")


def judged_ever(rng, trades, share):
    """Return which verdicts one set-up is ever given, read after each of +-1 R in it and in its neighbours."""
    counts, said = Counts(), set()
    for number, won in enumerate(rng.random(trades) < share):
        rsi, volatility = rng.choice(["45-55", "55-70"]), rng.choice(["calm", "normal"])
        setup, value = TREE._replace(rsi=str(rsi), volatility=str(volatility)), 1.0 if won else -1.0
        span = result(value, 2 * number, 2 * number + 1).span
        counts.add(Outline(number, number, "X", "long", START.date(), True, setup, span, value, value))
        found = judged(counts, TREE._replace(leverage=None), RULES)
        said |= set() if found is None else {found[1].verdict}
    return said


def rates(courses, trades, share=0.5):
    """Return in what share of the courses each verdict is ever shown."""
    rng = np.random.default_rng([trades, courses])
    said = [judged_ever(rng, trades, share) for _ in range(courses)]
    return [sum(one in verdicts for verdicts in said) / courses for one in OUTCOMES]


def test_guidance_is_hardly_ever_wrong_where_nothing_is_to_be_found():
    assert max(rates(100, 60)) <= 0.064


@pytest.mark.slow
@pytest.mark.parametrize("trades", [60, 300])
def test_guidance_is_hardly_ever_wrong_in_a_thousand_courses(trades):
    assert max(rates(1_000, trades)) <= 0.064


@pytest.mark.slow
def test_guidance_finds_a_planted_set_up():
    assert rates(1_000, 40, 0.75)[0] >= 0.80


@pytest.mark.slow
def test_advice_of_the_product_is_given_once_any_level_has_proved_it():
    gains = courses(8, 60, 100) + 0.8 * (np.arange(len(TRIED)) == 2)
    proved = np.maximum.accumulate(np.max([average(one) for one in by_level(gains)], axis=0) >= PROOF, axis=-1)
    for course, rsi, volatility, expected in zip(gains, *neighbours(gains), proved, strict=True):
        counts, said = Counts(), [False]
        for number, (values, is_rsi, is_calm) in enumerate(zip(course, rsi, volatility, strict=True)):
            place = {"rsi": "45-55" if is_rsi else "55-70", "volatility": "normal" if is_calm else "calm"}
            one = Paired(span=result(0.0, 2 * number, 2 * number + 1).span, gains_atr=tuple(values))
            counts.complete(Completed(number, number, TREE._replace(**place), one))
            said.append(said[-1] or standing(counts, TREE._replace(leverage=None)) is not None)
        assert said[1:] == list(expected)

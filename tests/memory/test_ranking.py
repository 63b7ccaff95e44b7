"""Who is shown: different trades, winners by their share of the similar ones, of each outcome the most similar."""

from collections import Counter
from datetime import UTC, date, datetime, timedelta
from statistics import fmean

import pytest
from hypothesis import given
from hypothesis import strategies as st

from candlegraph.memory.learning.evidence import Span
from candlegraph.memory.learning.outline import Outline
from candlegraph.memory.learning.ranking import Candidate, counted, drawn, placed, spread, summary_of
from candlegraph.memory.learning.setups import Setup
from candlegraph.memory.storage.rows import micros

AS_OF = datetime(2025, 6, 1, tzinfo=UTC)


def candidate(number, similarity=0.9, *, profit=1.0, day=None, pair="X", kind="trade", is_entry=True, side="long"):
    outline = Outline(
        id=number,
        known_at=micros(AS_OF - timedelta(days=1)),
        pair=pair,
        side=side,
        entry_day=date(2025, 1, 1) + timedelta(days=number if day is None else day),
        is_learnt=True,
        setup=Setup("long"),
        span=Span("long", AS_OF - timedelta(days=1), AS_OF),
        net_r=None,
        profit_pct=profit,
        kind=kind,
    )
    return Candidate(outline, similarity, is_entry)


def many(profits):
    """Return candidates, the first the most similar."""
    return [candidate(n, 0.99 - n / 1000, profit=profit) for n, profit in enumerate(profits)]


def ids(candidates, places=5, least_losing=0, draw=0.0):
    found = placed(candidates, places=places, least_losing=least_losing, draw=draw)
    return [one.outline.id for one in found.taken]


def test_winners_get_their_share_of_the_places_and_the_draw_rounds_it():
    six_of_ten = many([1] * 6 + [-1] * 4)
    assert ids(six_of_ten) == [0, 1, 2, 6, 7]
    third = many([1] * 4 + [-1] * 8)  # 5 x 1/3 = 1.67
    assert ids(third, draw=0.3) == [0, 4, 5, 6, 7]
    assert ids(third, draw=0.4) == [0, 1, 4, 5, 6]


def test_within_an_outcome_similarity_alone_orders_and_the_most_similar_stand_first():
    mixed = many([-1, 90, -1, 1, 1, -90, 1, -1])
    assert ids(mixed, places=4) == [0, 1, 2, 3]
    assert ids(mixed[::2] + mixed[1::2], places=8) == list(range(8))


@pytest.mark.parametrize("winners", range(1, 12))
@pytest.mark.parametrize("places", [3, 5])
def test_over_all_draws_exactly_the_share_of_winners_is_shown(winners, places):
    trades = many([1] * winners + [-1] * (12 - winners))
    taken = [placed(trades, places=places, least_losing=0, draw=n / 1200).taken for n in range(1200)]
    shown = fmean(fmean(one.has_won for one in each) for each in taken)
    assert shown == pytest.approx(winners / 12, abs=1e-3)


@pytest.mark.parametrize("won, of", [(1, 6), (5, 9), (23, 40), (8, 12), (11, 12)])
def test_over_many_queries_the_winners_shown_are_within_a_point_of_their_share(won, of):
    trades = many([1.0] * won + [-1.0] * (of - won))
    draws = [drawn((n / 2000 - 0.5, 0.1 * won)) for n in range(2000)]
    assert all(0 <= one < 1 for one in draws)
    shown = fmean(fmean(o.has_won for o in placed(trades, places=5, least_losing=0, draw=d).taken) for d in draws)
    assert abs(shown - won / of) < 0.01


def test_equal_questions_draw_equally_and_others_do_not():
    assert drawn((0.1, 0.2)) == drawn((0.1, 0.2)) != drawn((0.1, 0.21))


def test_a_loss_keeps_its_place_and_that_it_is_forced_is_said():
    rare = many([1] * 9 + [-1])
    found = placed(rare, places=3, least_losing=1, draw=0.0)
    assert [one.outline.id for one in found.taken] == [0, 1, 9]
    assert (found.similar.trades, found.similar.won, found.similar.is_loss_forced) == (10, 9, False)
    found = placed(rare, places=3, least_losing=1, draw=0.9)
    assert [one.outline.id for one in found.taken] == [0, 1, 9]
    assert (found.similar.won, found.similar.is_loss_forced) == (9, True)
    assert ids(rare, places=3, draw=0.9) == [0, 1, 2]
    assert ids(many([1] * 9 + [0]), places=3, least_losing=1, draw=0.9) == [0, 1, 2]  # nothing was lost


def test_an_open_trade_has_no_outcome_and_at_most_one_place_if_it_is_among_the_most_similar():
    ended = [candidate(n, 0.8 - n / 100, profit=1) for n in range(6)]
    alike, unlike = candidate(90, 0.95, kind="decision"), candidate(91, 0.1, kind="decision")
    assert ids([alike, *ended], places=3) == [90, 0, 1]
    assert ids([alike, candidate(92, 0.94, kind="lesson"), *ended], places=3) == [90, 0, 1]
    found = placed([*ended, unlike], places=3, least_losing=0, draw=0.0)
    assert [one.outline.id for one in found.taken] == [0, 1, 2] and found.similar.trades == 6


def test_a_trade_that_only_a_recorded_decision_brought_is_shown_and_counts_nowhere():
    brought = candidate(1, 0.95, profit=9, is_entry=False)
    own = [candidate(n, 0.9 - n / 100, profit=-1) for n in range(2, 6)]
    found = placed([brought, *own], places=3, least_losing=0, draw=0.0)
    assert (found.similar.trades, found.similar.won) == (4, 0)
    assert counted([brought, *own]) == own
    assert summary_of([brought, *own], ()).long_cases == 4
    alone = placed([brought], places=3, least_losing=0, draw=0.0)
    assert alone.taken == (brought,) and alone.similar is None


def test_one_day_of_a_pair_and_side_takes_no_more_than_its_places():
    same = [candidate(n, 0.99, day=1) for n in range(4)]
    other = [candidate(9, 0.7, day=2), candidate(10, 0.7, day=1, pair="Y")]
    assert [one.outline.id for one in spread(same + other, 2)] == [0, 1, 9, 10]
    assert [one.outline.id for one in spread(same + other, 1)] == [0, 9, 10]


def test_the_summary_counts_each_side_for_itself():
    longs = [candidate(1, profit=6), candidate(2, profit=0), candidate(4, profit=-3)]  # break-even is no success
    facts = summary_of([*longs, candidate(3, profit=-3, side="short")], ())
    assert (facts.long_cases, facts.long_success_rate, facts.long_mean_profit_pct) == (3, 1 / 3, 1)
    assert facts.long_within_pct == pytest.approx(26.258, abs=1e-3)  # Student's t of 2 degrees: 9.925
    assert facts.short_within_pct is None  # of one trade
    assert summary_of((), ()).long_success_rate is None
    assert (facts.short_cases, facts.short_success_rate, facts.ids) == (1, 0.0, "none")


CANDIDATES = st.lists(
    st.tuples(
        st.sampled_from([0.7, 0.75, 0.8, 0.9, 0.95, 1.0]),
        st.sampled_from([-2.0, 0.0, 1.0]),
        st.booleans(),
        st.sampled_from(["trade", "trade", "trade", "decision"]),
        st.integers(0, 3),
    ),
    max_size=20,
).map(
    lambda rows: sorted(
        (
            candidate(n, sim, profit=p, is_entry=entry and kind == "trade", kind=kind, day=day)
            for n, (sim, p, entry, kind, day) in enumerate(rows)
        ),
        key=lambda one: (-one.similarity, one.outline.id),
    )
)
DRAWS = st.floats(0, 1, exclude_max=True)


@given(CANDIDATES, st.integers(1, 8), st.integers(0, 3), DRAWS)
def test_shown_trades_are_different_ones_in_order_and_no_place_stays_empty(candidates, places, least, draw):
    found = placed(candidates, places=places, least_losing=least, draw=draw).taken
    assert len({one.outline.id for one in found}) == len(found) <= places
    assert set(found) <= set(candidates)
    assert [one.similarity for one in found] == sorted((one.similarity for one in found), reverse=True)
    ended = sum(not one.is_open for one in candidates)
    assert len(found) >= min(places - 1, ended) and sum(one.is_open for one in found) <= 1
    assert sum(one.has_lost for one in found) >= min(least, places - 1, sum(one.has_lost for one in candidates))


@given(CANDIDATES, st.integers(1, 8), DRAWS)
def test_no_trade_is_dropped_for_a_less_similar_one_of_its_outcome(candidates, places, draw):
    found = placed(candidates, places=places, least_losing=0, draw=draw).taken
    for has_won in (True, False):
        group = [one for one in candidates if one.has_won == has_won and not one.is_open]
        kept = [one for one in group if one in found]
        assert kept == group[: len(kept)]


@given(CANDIDATES, st.integers(1, 4))
def test_no_day_takes_more_than_its_places(candidates, most):
    days = Counter(one.outline.entry_day for one in spread(candidates, most))
    assert all(count <= most for count in days.values())

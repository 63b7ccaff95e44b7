"""Ranking: similarity first, then what the weights say; spread over days; losing cases keep a place."""

from collections import Counter
from datetime import UTC, date, datetime, timedelta

import pytest
from hypothesis import given
from hypothesis import strategies as st

from candlegraph.graph.schema.lessons import Case
from candlegraph.graph.settings.experience import Ranking
from candlegraph.memory.learning.evidence import Span
from candlegraph.memory.learning.outline import Outline
from candlegraph.memory.learning.ranking import Candidate, in_order, ranked
from candlegraph.memory.learning.setups import Setup
from candlegraph.memory.storage.rows import micros

AS_OF = datetime(2025, 6, 1, tzinfo=UTC)
SPREAD = {"most_of_a_day": 50, "least_losing": 0}


def candidate(number, similarity=0.9, *, profit=1.0, age_days=1.0, reward=0.01, quality=None, day=None, pair="X"):
    case = Case(
        id=number,
        kind="trade",
        pair=pair,
        side="long",
        similarity=similarity,
        profit_pct=profit,
        score=50,
        grade="D",
        entry_price=1,
        duration_minutes=1,
        lesson="",
    )
    outline = Outline(
        id=number,
        known_at=micros(AS_OF - timedelta(days=age_days)),
        pair=pair,
        side="long",
        entry_day=date(2025, 1, 1) + timedelta(days=number if day is None else day),
        is_learnt=True,
        setup=Setup("long"),
        span=Span("long", AS_OF - timedelta(days=age_days), AS_OF),
        net_r=None,
        profit_pct=profit,
        score=50,
        reward=reward,
        reward_quality=reward if quality is None else quality,
    )
    return Candidate(case, outline)


def ids(candidates, places=5, mode="documented", **rules):
    found = ranked(candidates, as_of=AS_OF, places=places, rules=Ranking(**rules), mode=mode)
    return [case.id for case in found]


def test_without_weights_the_order_is_by_similarity_then_id():
    given_cases = [candidate(3, 0.8), candidate(2, 0.9), candidate(1, 0.8)]
    assert ids(given_cases) == [2, 1, 3]


def test_recency_may_win_over_similarity_and_halves_with_its_half_life():
    old, fresh = candidate(1, 0.92, age_days=90), candidate(2, 0.9, age_days=0)
    assert ids([old, fresh]) == [1, 2]
    assert ids([old, fresh], recency_weight=0.039) == [1, 2]  # 0.92 + w / 2 > 0.9 + w up to w = 0.04
    assert ids([old, fresh], recency_weight=0.041) == [2, 1]
    assert ids([old, fresh], recency_weight=0.041, half_life_days=1000) == [1, 2]


def test_importance_may_win_over_similarity_whatever_the_sign():
    small, large = candidate(1, 0.92, reward=0.01), candidate(2, 0.9, reward=-0.05)
    assert ids([small, large]) == [1, 2]
    assert ids([small, large], importance_weight=0.019) == [1, 2]
    assert ids([small, large], importance_weight=0.021) == [2, 1]


def test_importance_is_the_place_among_the_sizes_and_equal_ones_share_theirs():
    sizes = [candidate(1, 0.92, reward=0.01), candidate(2, 0.9, reward=0.02)]
    sizes += [candidate(3, 0.5, reward=-0.02), candidate(4, 0.4, reward=9.0)]
    assert ids(sizes, importance_weight=0.039)[:2] == [1, 2]  # places 0, 1/2, 1/2, 1: 0.92 > 0.9 + w / 2 up to 0.04
    assert ids(sizes, importance_weight=0.041)[:2] == [2, 1]


def test_of_equal_ranks_the_more_similar_case_comes_first():
    fresh, similar = candidate(1, 0.25, age_days=0), candidate(2, 0.75, age_days=90)
    assert ids([fresh, similar], recency_weight=1) == [2, 1]


def test_importance_reads_the_configured_reward():
    cases = [candidate(1, reward=0.01, quality=0.02), candidate(2, reward=0.02, quality=0.01)]
    assert ids(cases, importance_weight=1) == [2, 1]
    assert ids(cases, importance_weight=1, mode="quality") == [1, 2]


def test_one_day_of_a_pair_and_side_takes_no_more_than_its_places():
    same = [candidate(n, 0.99, day=1) for n in range(4)]
    other = [candidate(9, 0.7, day=2), candidate(10, 0.7, day=1, pair="Y")]
    assert ids(same + other) == [0, 1, 9, 10]
    assert ids(same + other, most_of_a_day=1) == [0, 9, 10]


def test_a_losing_case_takes_the_last_place_of_the_winners():
    winners, loser = [candidate(n, 0.9) for n in range(5)], candidate(9, 0.7, profit=-1)
    assert ids([*winners, loser], places=3) == [0, 1, 9]
    assert ids([*winners, loser], places=3, least_losing=0) == [0, 1, 2]
    assert ids(winners, places=3) == [0, 1, 2]
    assert ids([*winners, candidate(9, 0.7, profit=0)], places=3) == [0, 1, 2]  # nothing was lost
    assert ids([*winners, loser, candidate(10, 0.7, profit=-1)], places=3, least_losing=2) == [0, 9, 10]


def test_a_losing_case_that_is_similar_enough_anyway_displaces_nobody():
    cases = [candidate(1, 0.95), candidate(2, 0.9, profit=-1), candidate(3, 0.85), candidate(4, 0.8, profit=-1)]
    assert ids(cases, places=3) == [1, 2, 3]


CANDIDATES = st.lists(
    st.tuples(
        st.sampled_from([0.7, 0.75, 0.8, 0.9, 0.95, 1.0]),
        st.sampled_from([-2.0, 0.0, 1.0]),
        st.floats(0.01, 400),
        st.floats(-0.1, 0.1),
        st.integers(0, 3),
    ),
    max_size=20,
).map(
    lambda rows: [
        candidate(n, sim, profit=p, age_days=age, reward=r, day=day) for n, (sim, p, age, r, day) in enumerate(rows)
    ]
)
RULES = st.builds(
    Ranking,
    recency_weight=st.floats(0, 1),
    half_life_days=st.floats(1, 365),
    importance_weight=st.floats(0, 1),
    most_of_a_day=st.integers(1, 4),
    least_losing=st.integers(0, 4),
)


def day_of(one):
    return one.outline.entry_day


@given(CANDIDATES, RULES, st.integers(1, 8))
def test_shown_cases_are_a_bounded_subset_without_repeats(candidates, rules, places):
    shown = ranked(candidates, as_of=AS_OF, places=places, rules=rules, mode="documented")
    assert len(shown) <= places and len({case.id for case in shown}) == len(shown)
    assert {case.id for case in shown} <= {one.case.id for one in candidates}
    days = Counter(day_of(candidates[case.id]) for case in shown)
    assert all(count <= rules.most_of_a_day for count in days.values())
    again = ranked(candidates[::-1], as_of=AS_OF, places=places, rules=rules, mode="documented")
    assert again == shown


@given(CANDIDATES, RULES, st.integers(1, 8))
def test_no_place_stays_empty_while_a_case_may_take_it(candidates, rules, places):
    shown = ranked(candidates, as_of=AS_OF, places=places, rules=rules, mode="documented")
    days = Counter(day_of(one) for one in candidates)
    room = sum(min(count, rules.most_of_a_day) for count in days.values())
    assert len(shown) == min(places, room)
    losers = Counter(day_of(one) for one in candidates if one.case.profit_pct < 0)
    possible = sum(min(count, rules.most_of_a_day) for count in losers.values())
    assert sum(case.profit_pct < 0 for case in shown) >= min(possible, rules.least_losing, places)


@given(CANDIDATES, st.integers(1, 8), st.integers(1, 4))
def test_no_case_is_dropped_for_a_less_similar_one_unless_its_day_is_full(candidates, places, most):
    rules = Ranking(most_of_a_day=most, least_losing=0)
    shown = ranked(candidates, as_of=AS_OF, places=places, rules=rules, mode="documented")
    assert [case.similarity for case in shown] == sorted((case.similarity for case in shown), reverse=True)
    kept = {case.id for case in shown}
    for one in candidates:
        better = [c for c in shown if c.similarity >= one.case.similarity]
        same_day = sum(day_of(candidates[c.id]) == day_of(one) for c in better)
        assert one.case.id in kept or len(better) >= places or same_day >= most


@given(CANDIDATES, RULES)
def test_the_order_is_of_all_candidates_and_of_weights_zero_the_similarity(candidates, rules):
    everything = in_order(candidates, as_of=AS_OF, rules=rules, mode="documented")
    assert sorted(one.case.id for one in everything) == [one.case.id for one in candidates]
    plain = in_order(candidates, as_of=AS_OF, rules=Ranking(**SPREAD), mode="documented")
    assert plain == sorted(candidates, key=lambda one: (-one.case.similarity, one.case.id))


@pytest.mark.parametrize("weight", ["recency_weight", "importance_weight"])
def test_no_candidate_at_all_is_no_case(weight):
    assert ids([], **{weight: 1}) == []

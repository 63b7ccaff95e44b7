"""A model's scores of its own trades against the evaluator's."""

import pytest
from hypothesis import given
from hypothesis import strategies as st
from scipy.stats import spearmanr

from candlegraph.memory.learning.outline import outline_of
from candlegraph.memory.learning.self_scores import rank_correlation, self_scores_of, told_to_model

SCORES = st.integers(0, 6).map(float)


@given(st.lists(st.tuples(SCORES, SCORES), min_size=3, max_size=20))
def test_the_rank_correlation_is_spearmans(pairs):
    own, ours = zip(*pairs, strict=True)
    if len(set(own)) < 2 or len(set(ours)) < 2:
        assert rank_correlation(pairs) is None
    else:
        assert rank_correlation(pairs) == pytest.approx(spearmanr(own, ours).statistic, abs=1e-9)


def test_two_scores_have_no_rank_correlation():
    assert rank_correlation([(1, 2), (3, 4)]) is None


@pytest.fixture
def outlines(make_experience):
    """Return outlines whose own score is the evaluator's and so much more; None: the trade was not scored."""

    def make(*offs, **changes):
        plain = [make_experience(n, **changes) for n in range(len(offs))]
        scores = [None if off is None else one.scores.total + off for one, off in zip(plain, offs, strict=True)]
        return [outline_of(n, make_experience(n, model_score=own, **changes)) for n, own in enumerate(scores)]

    return make


def test_the_bias_is_the_mean_of_what_the_model_gave_more(outlines):
    found = self_scores_of(outlines(10.0, -4.0, None))
    assert (found.trades, found.bias) == (2, pytest.approx(3))
    assert self_scores_of(outlines(None)) is None


def test_the_model_is_told_of_its_newest_twenty_from_ten_on(outlines):
    assert told_to_model(reversed(list(outlines(*[5.0] * 9, None))), "policy") is None
    assert told_to_model(reversed(list(outlines(*[5.0] * 10))), "policy").trades == 10
    newest = told_to_model(reversed(list(outlines(*[90.0] * 5, *[5.0] * 20))), "policy")
    assert (newest.trades, newest.bias) == (20, pytest.approx(5))
    assert told_to_model(reversed(list(outlines(*[5.0] * 10))), "another model") is None


def test_the_statistics_count_them_and_none_that_the_end_of_the_data_closed(memory, make_experience):
    assert memory.stats("backtest:a")["self_scores"] is None
    total = make_experience().scores.total
    for number, own in enumerate((total + 6, total + 8)):
        memory.add(make_experience(number, model_score=own))
    memory.add(make_experience(7, model_score=0.0, forced=True))
    memory.add(make_experience(8, model_score=0.0, namespace="live"))
    assert memory.stats("backtest:a")["self_scores"] == {
        "trades": 2,
        "bias": pytest.approx(7),
        "rank_correlation": None,
    }

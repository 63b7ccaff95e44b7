"""Speed changes nothing: every prompt, call, signal, trade and memory row is as recorded in tests/equality.json."""

import equality
import pytest


@pytest.fixture(scope="module", params=equality.RUNS)
def run(request, sample, tmp_path_factory):
    """Return a run's name and what it told."""
    if not equality.has_market(request.param):
        pytest.skip("CANDLEGRAPH_MARKET names no folder of real candles")
    return request.param, equality.told_by(request.param, sample, tmp_path_factory.mktemp(request.param))


def test_nothing_differs_from_the_reference(run):
    name, told = run
    if found := equality.difference(told, equality.reference_of(name)):
        pytest.fail(f"{name}: {found}", pytrace=False)

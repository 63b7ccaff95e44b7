"""A plan is read strictly: windows do not overlap; what is wrong is named with file, key, value and what is valid."""

from datetime import date

import pytest
from hypothesis import given
from hypothesis import strategies as st

from candlegraph.freqtrade_bridge.lab.evaluation.cells import chains_of
from candlegraph.freqtrade_bridge.lab.evaluation.plan import EvaluationPlan, WalkForward, read_plan
from candlegraph.graph.schema.errors import ConfigError

PLAN = """
name = "two"
pairs = ["BTC/USDT:USDT", "ETH/USDT:USDT"]
{keys}
[windows]
begin = 2025-06-01
end = 2025-06-30
{windows}
[[strategies]]
name = "rule"
model = "policy"
{strategy}
"""


@pytest.fixture
def written(tmp_path):
    """Return a factory of plans in a file: `written(keys=..., windows=..., strategy=...)`."""

    def write(**parts):
        path = tmp_path / "plan.toml"
        path.write_text(PLAN.format(**{"keys": "", "windows": "", "strategy": ""} | parts))
        return path

    return write


@pytest.mark.parametrize(
    ("parts", "said"),
    [
        ({"keys": "repetition = 2"}, "repetition: unknown key; did you mean 'repetitions'"),
        ({"keys": 'memory = "kept"'}, "memory = 'kept': Input should be 'empty' or 'carried'"),
        ({"keys": 'baselines = ["holding"]'}, "baselines.0 = 'holding': Input should be 'hold', 'ema_cross'"),
        ({"keys": "budget = 0"}, "budget = 0: Input should be greater than 0"),
        ({"windows": "length_days = 40"}, "expected length_days up to 29, was 40"),
        ({"windows": "length_days = 5\nstep_days = 5"}, "step_days = 5: expected 6 (length and purge) or more"),
        ({"strategy": 'cassette = "gone.sqlite"'}, "gone.sqlite: no such file; relative paths begin at the plan"),
        ({"strategy": '[[strategies]]\nname = "rule"'}, "expected each once, was rule several times"),
        ({"strategy": '[[strategies]]\nname = "hold"'}, "hold is the name of a baseline"),
        ({"keys": 'datadir = "nowhere"'}, "expected a candle folder of freqtrade that holds futures/"),
        ({"keys": "pairs = 1"}, "no TOML: Cannot overwrite a value"),
    ],
)
def test_what_is_wrong_is_named_with_its_file_and_what_is_valid(written, parts, said):
    path = written(**parts)
    with pytest.raises(ConfigError) as refused:
        read_plan(path)
    assert said in str(refused.value)
    assert str(path.parent) in str(refused.value)


def test_a_plan_that_is_not_there_is_named(tmp_path):
    with pytest.raises(ConfigError, match="nothing.toml: No such file"):
        read_plan(tmp_path / "nothing.toml")


@given(days=st.integers(1, 400), length=st.integers(1, 60), purge=st.integers(0, 9), more=st.none() | st.integers(0, 9))
def test_windows_follow_one_another_with_the_purge_between_them(days, length, purge, more):
    end = date.fromordinal(date(2024, 1, 1).toordinal() + max(days, length))
    step = None if more is None else length + purge + more
    found = WalkForward(begin=date(2024, 1, 1), end=end, length_days=length, purge_days=purge, step_days=step).all
    assert all((one.end - one.begin).days == length for one in found)
    assert found[-1].end <= end
    for before, after in zip(found, found[1:], strict=False):
        assert (after.begin - before.end).days == purge + (more or 0)


def test_without_a_length_there_is_one_window_of_all_days():
    (one,) = WalkForward(begin=date(2024, 6, 1), end=date(2025, 6, 1)).all
    assert one.timerange == "20240601-20250601"


def test_its_digits_follow_what_decides_the_result_and_not_name_or_budget(written):
    first = read_plan(written()).content
    assert read_plan(written(keys="budget = 3")).content == first
    assert read_plan(written(keys="repetitions = 2")).content != first
    cassette = written().parent / "answers.sqlite"
    cassette.write_bytes(b"one")
    named = written(strategy='cassette = "answers.sqlite"')
    one = read_plan(named).content
    cassette.write_bytes(b"another")
    assert one not in (first, read_plan(named).content)


@pytest.mark.parametrize(
    ("keys", "tested", "stock"),
    [("", 4, 8), ('memory = "carried"', 1, 8), ('accounts = "each"\nrepetitions = 3', 24, 16)],
    ids=["empty memory", "one memory", "accounts and repetitions"],
)
def test_windows_with_one_memory_are_one_chain_and_all_others_run_alone(written, keys, tested, stock):
    plan: EvaluationPlan = read_plan(written(keys=keys, windows="length_days = 6"))
    chains = chains_of(plan)
    assert sum(chain[0].strategy == "rule" for chain in chains) == tested
    assert len(chains) == tested + stock
    keys = [cell.key for chain in chains for cell in chain]
    assert len(keys) == len(set(keys))

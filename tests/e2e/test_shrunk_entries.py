"""What the reviewing model leaves of an entry is what freqtrade orders."""

import backtests
import pytest
import script

TIMERANGE = "1764028800-1764036000"
"""Two hours of 2025-11-25."""


@pytest.fixture
def first_stake(sample, tmp_path, monkeypatch):
    """Return the stake of the first trade in a backtest: `first_stake(review, stake)`; no stake leaves it open."""

    def go(review, stake):
        entry = {"stake": stake, "stop_atr": 3.0}
        monkeypatch.setattr(script, "review", lambda: review)
        monkeypatch.setattr(
            script, "decide", lambda facts: script.stay(facts) if facts.position else script.enter(facts, **entry)
        )
        changes = {"llm_config": {"depth": "balanced"}}
        userdir = tmp_path / review["verdict"]
        result = backtests.run(sample.datadir, userdir, sample.pairs[:1], TIMERANGE, "ScriptStrategy", **changes)
        return result.trades["stake_amount"].iloc[0]

    return go


@pytest.mark.parametrize("stake", [None, 400.0])
def test_a_shrunk_entry_is_ordered_with_that_share_of_its_stake(first_stake, stake):
    whole = first_stake({"verdict": "approve", "reason": "fine"}, stake)
    left = first_stake({"verdict": "shrink", "shrink_to_pct": 25, "reason": "thin"}, stake)
    assert left == pytest.approx(whole / 4, rel=0.05)  # freqtrade rounds to the exchange's step

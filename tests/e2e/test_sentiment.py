"""A dry-run asks and records sentiment; a backtest over the same candles asks nothing and sees the same."""

import json
from datetime import UTC, datetime, timedelta

import backtests
import pytest
import script
from virtual_dry_run import VirtualDryRun

from candlegraph.freqtrade_bridge.feeds.sentiment import SentimentFeed
from candlegraph.freqtrade_bridge.loopback.markets import market_of
from candlegraph.freqtrade_bridge.loopback.sample_market import sample_series

START = datetime(2025, 11, 15, 0, 30, 2, tzinfo=UTC)
CONFIG = {"strategy": "ScriptStrategy", "strategy_path": str(backtests.TEST_STRATEGIES)}


@pytest.fixture
def seen(monkeypatch):
    """Return what the feed gave out, by pair and candle close."""
    found = {}

    def noted(original):
        def of(self, due, now):
            moods = original(self, due, now)
            found.update({(pair, due[pair]): mood for pair, mood in moods.items()})
            return moods

        return of

    monkeypatch.setattr(script, "decide", script.stay)
    monkeypatch.setattr(SentimentFeed, "of", noted(SentimentFeed.of))
    return found


def test_a_backtest_sees_what_the_dry_run_recorded_and_asks_nothing(sample, tmp_path, seen):
    pair, userdir = sample.pairs[0], tmp_path / "user"
    with VirtualDryRun(CONFIG, [market_of(pair, sample_series(pair))], START, userdir=userdir) as run:
        run.run_until(START + timedelta(hours=3))
        asked = sum(count for path, count in run.exchange.app.state.hits.items() if "futures/data" in path)
        assert not run.exchange.app.state.unknown
    live = dict(seen)
    seen.clear()
    assert asked > 0
    assert all(mood.unavailable == {} for mood in live.values())
    lines = [json.loads(line) for line in (userdir / "sentiment" / "fear_greed.jsonl").read_text().splitlines()]
    assert len(lines) == len(live)
    backtests.run(sample.datadir, userdir, [pair], "20251115-20251116", "ScriptStrategy")
    assert {key: mood for key, mood in seen.items() if key in live} == live
    earlier = [mood for (_, as_of), mood in seen.items() if as_of > max(at for _, at in live) + timedelta(hours=4)]
    assert earlier
    assert all("minutes old" in mood.unavailable["open_interest"] for mood in earlier)


def test_a_candle_without_any_record_says_so_in_the_prompt(sample, tmp_path, seen, monkeypatch):
    prompts = []
    original = script.ScriptModel._generate

    def noted(self, messages, *rest, **kwargs):
        prompts.append(messages[1].content)
        return original(self, messages, *rest, **kwargs)

    monkeypatch.setattr(script.ScriptModel, "_generate", noted)
    backtests.run(sample.datadir, tmp_path, sample.pairs[:1], "20251115-20251116", "ScriptStrategy")
    assert all("funding_rate: unavailable" in prompt for prompt in prompts)

from datetime import UTC, datetime, timedelta
from pathlib import Path

from freqtrade.persistence import Trade
from virtual_dry_run import VirtualDryRun

from candlegraph.freqtrade_bridge.loopback.markets import market_of
from candlegraph.freqtrade_bridge.loopback.sample_market import sample_frames, sample_series

BTC = "BTC/USDT:USDT"
START = datetime(2025, 11, 20, 0, 10, tzinfo=UTC)
STRATEGY = """
from freqtrade.strategy import IStrategy

class EnterOnce(IStrategy):
    timeframe, stoploss, minimal_roi, startup_candle_count = "30m", -0.9, {"0": 10}, 10

    def populate_indicators(self, frame, metadata):
        return frame

    def populate_entry_trend(self, frame, metadata):
        frame["enter_long"] = 1
        return frame

    def populate_exit_trend(self, frame, metadata):
        return frame
"""


def test_a_dry_run_trades_six_candles_in_virtual_time(tmp_path: Path) -> None:
    """The real worker enters once at the book's ask, one loop a candle, and sees the written candles."""
    (tmp_path / "EnterOnce.py").write_text(STRATEGY)
    config = {"strategy": "EnterOnce", "strategy_path": str(tmp_path)}
    with VirtualDryRun(config, [market_of(BTC, sample_series(BTC))], START) as run:
        run.run_until(START + timedelta(hours=3))
        (trade,) = Trade.get_trades().all()
        assert run.loops == 7  # one at the start, then one as each candle closes
        assert run.now() == datetime(2025, 11, 20, 3, 30, 1, tzinfo=UTC)
        assert trade.is_open and trade.open_date_utc == START
        live = run.bot.dataprovider.get_pair_dataframe(BTC, "30m")
        assert not run.exchange.app.state.unknown
    assert live["date"].iloc[-1] == datetime(2025, 11, 20, 2, 30, tzinfo=UTC)
    written = sample_frames(BTC)["30m"]
    expected = written[written["date"].isin(live["date"])].reset_index(drop=True)
    for column in ("open", "high", "low", "close", "volume"):
        assert (live[column] == expected[column]).all()


def test_two_dry_runs_of_one_market_are_equal(tmp_path: Path) -> None:
    (tmp_path / "EnterOnce.py").write_text(STRATEGY)
    config = {"strategy": "EnterOnce", "strategy_path": str(tmp_path)}
    seen = []
    for name in ("a", "b"):
        url = f"sqlite:///{tmp_path / name}.sqlite"
        with VirtualDryRun(config, [market_of(BTC, sample_series(BTC))], START, db_url=url) as run:
            run.step()
            seen.append([(trade.open_rate, trade.amount, trade.stake_amount) for trade in Trade.get_trades()])
    assert seen[0] == seen[1] and len(seen[0]) == 1

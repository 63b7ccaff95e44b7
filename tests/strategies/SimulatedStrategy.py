"""Decides as the simulator's seed wants; few candles, since reading them is most of a loop's cost."""

from script import ScriptModel

from candlegraph.freqtrade_bridge.strategies.CandleGraphStrategy import CandleGraphStrategy


class SimulatedStrategy(CandleGraphStrategy):
    startup_candle_count = 60

    def open_context(self, namespace):
        return super().open_context(namespace).with_model(ScriptModel())

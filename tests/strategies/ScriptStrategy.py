from script import ScriptModel

from candlegraph.freqtrade_bridge.strategies.CandleGraphStrategy import CandleGraphStrategy


class ScriptStrategy(CandleGraphStrategy):
    def open_context(self, namespace):
        return super().open_context(namespace).with_model(ScriptModel())

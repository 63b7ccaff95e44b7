from rule import RuleModel

from candlegraph.freqtrade_bridge.strategies.CandleGraphStrategy import CandleGraphStrategy


class RuleStrategy(CandleGraphStrategy):
    def open_context(self, namespace):
        return super().open_context(namespace).with_model(RuleModel())

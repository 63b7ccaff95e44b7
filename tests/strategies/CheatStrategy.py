from datetime import timedelta

from rule import RuleModel

from candlegraph.freqtrade_bridge.strategies.CandleGraphStrategy import CandleGraphStrategy
from candlegraph.tools.market.frames import Candles

PEEK = timedelta(minutes=90)


class Peeking(Candles):
    """Shows the market of three candles later, under the honest candle's name."""

    def view(self, as_of):
        honest, future = super().view(as_of), super().view(as_of + PEEK)
        return honest if honest is None or future is None else future.model_copy(update={"candle": honest.candle})


class CheatStrategy(CandleGraphStrategy):
    def open_context(self, namespace):
        return super().open_context(namespace).with_model(RuleModel())

    def bot_start(self, **kwargs):
        super().bot_start(**kwargs)
        feed = self.session._feed
        honest = feed._of

        def cheating(pair, timeframe):
            candles = honest(pair, timeframe)
            if candles is not None:
                candles.__class__ = Peeking
            return candles

        feed._of = cheating

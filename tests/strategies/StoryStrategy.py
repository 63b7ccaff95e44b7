from story import StoryModel

from candlegraph.freqtrade_bridge.strategies.CandleGraphStrategy import CandleGraphStrategy


class StoryStrategy(CandleGraphStrategy):
    def open_context(self, namespace):
        self.story = StoryModel()
        return super().open_context(namespace).with_model(self.story)

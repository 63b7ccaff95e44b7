"""The timetable with the auditor beside it: what freqtrade does wrong by itself is put right."""

from datetime import datetime
from pathlib import Path

from strategies.TimetableStrategy import TimetableStrategy

from candlegraph.freqtrade_bridge.audit.auditor import Auditor
from candlegraph.freqtrade_bridge.audit.books import far_stop
from candlegraph.freqtrade_bridge.host.state import bot_of
from candlegraph.graph.settings.places import DATABASE
from candlegraph.memory.books.audit import AuditBook


class Stops:
    def planned(self, trade):
        return trade.stop_loss

    def unknown(self, position):
        return far_stop(position)

    def expect(self, pair, side, since):
        pass

    def awaits(self, trade_id):
        return False

    def found(self, pair, orders, leverage, now):
        pass


class AuditedStrategy(TimetableStrategy):
    def bot_start(self, **kwargs) -> None:
        super().bot_start(**kwargs)
        self.book = AuditBook(Path(self.config["user_data_dir"]) / DATABASE)
        self.audit = Auditor(bot_of(self.dp), self.book, "live", self.dp.send_msg, Stops())

    def bot_loop_start(self, current_time: datetime, **kwargs) -> None:
        self.audit.look(self.dp.current_whitelist(), current_time)

    def confirm_trade_entry(self, pair, order_type, amount, rate, *args, current_time, side, **kwargs) -> bool:
        if self.audit.why_not_enter(pair):
            return False
        self.audit.let_through(pair, side, current_time)
        return True

    def order_filled(self, pair, trade, order, current_time: datetime, **kwargs) -> None:
        self.audit.filled(trade, current_time)
        if not trade.is_open:
            self.results = [*getattr(self, "results", []), trade.close_profit_abs]

    def adjust_trade_position(self, trade, current_time: datetime, current_rate, *args, **kwargs):
        stake = super().adjust_trade_position(trade, current_time, current_rate, *args, **kwargs)
        if stake is not None and stake > 0:
            self.audit.fills.before_addition(trade, stake, current_rate)
        return stake

    def custom_stoploss(self, pair, trade, current_time: datetime, current_rate, current_profit, after_fill, **kwargs):
        ratio = super().custom_stoploss(pair, trade, current_time, current_rate, current_profit, after_fill, **kwargs)
        if after_fill:
            self.audit.fills.after_fill(trade, current_rate, ratio)
        return ratio

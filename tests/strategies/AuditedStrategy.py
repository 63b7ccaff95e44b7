"""The timetable with the auditor beside it: what freqtrade does wrong by itself is put right."""

from datetime import datetime
from pathlib import Path

from strategies.TimetableStrategy import TimetableStrategy

from candlegraph.freqtrade_bridge.audit.auditor import Auditor
from candlegraph.freqtrade_bridge.audit.books import far_stop
from candlegraph.freqtrade_bridge.host.state import bot_of
from candlegraph.memory.books.audit import AuditBook


class AuditedStrategy(TimetableStrategy):
    def bot_start(self, **kwargs) -> None:
        super().bot_start(**kwargs)
        self.book = AuditBook(Path(self.config["user_data_dir"]) / "rag" / "memory.db")
        send = self.dp.send_msg
        self.audit = Auditor(bot_of(self.dp), self.book, "live", send, lambda trade: trade.stop_loss, far_stop)

    def bot_loop_start(self, current_time: datetime, **kwargs) -> None:
        self.audit.look(self.dp.current_whitelist(), current_time)

    def confirm_trade_entry(self, pair, *args, **kwargs) -> bool:
        return self.audit.why_not_enter(pair) is None

    def adjust_trade_position(self, trade, current_time: datetime, current_rate, *args, **kwargs):
        stake = super().adjust_trade_position(trade, current_time, current_rate, *args, **kwargs)
        if stake is not None and stake > 0:
            self.audit.before_addition(trade, stake, current_rate)
        return stake

    def custom_stoploss(self, pair, trade, current_time: datetime, current_rate, current_profit, after_fill, **kwargs):
        ratio = super().custom_stoploss(pair, trade, current_time, current_rate, current_profit, after_fill, **kwargs)
        if after_fill:
            self.audit.after_fill(trade, current_rate, ratio)
        return ratio

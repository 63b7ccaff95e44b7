"""Backtests and decisions from Python: `from candlegraph.freqtrade_bridge import lab`."""

from candlegraph.freqtrade_bridge.lab.comparing import ComparedFrames, compare
from candlegraph.freqtrade_bridge.lab.decided import Decision
from candlegraph.freqtrade_bridge.lab.deciding import decide
from candlegraph.freqtrade_bridge.lab.evaluation.evaluating import Evaluated, evaluate
from candlegraph.freqtrade_bridge.lab.loading import load
from candlegraph.freqtrade_bridge.lab.remembering import Remembered, memory
from candlegraph.freqtrade_bridge.lab.run import Run
from candlegraph.freqtrade_bridge.lab.running import backtest

__all__ = [
    "ComparedFrames",
    "Decision",
    "Evaluated",
    "Remembered",
    "Run",
    "backtest",
    "compare",
    "decide",
    "evaluate",
    "load",
    "memory",
]

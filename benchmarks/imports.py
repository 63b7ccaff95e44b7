"""What a command costs before it does anything: CPU time, user and system, of fresh processes of compiled modules."""

from __future__ import annotations

import argparse
import os
import statistics
import subprocess
import sys
import tempfile
from collections.abc import Sequence
from datetime import UTC, datetime, timedelta
from pathlib import Path

from tables import show

from candlegraph.graph.schema.experience import RecordedDecision
from candlegraph.graph.schema.signal import TradeSignal
from candlegraph.graph.settings.places import DATABASE
from candlegraph.memory.books.ledger import DecisionRow, Ledger
from candlegraph.memory.learning.report import experience_of_decision
from candlegraph.memory.store import close_memory, open_memory

PACKAGE = "candlegraph.freqtrade_bridge"
FREQTRADE = (
    "import freqtrade.commands.optimize_commands, freqtrade.optimize.backtesting, freqtrade.exchange, freqtrade.rpc, "
    "freqtrade.resolvers.strategy_resolver, freqtrade.data.dataprovider, freqtrade.plugins.pairlistmanager, "
    "freqtrade.plugins.protectionmanager, freqtrade.optimize.optimize_reports"
)
"""What a backtest of any strategy has loaded before it asks for the first candle."""
REPORTS = f"{PACKAGE}.commands.check, {PACKAGE}.commands.backtest"
OWN = f"{PACKAGE}.strategies.CandleGraphStrategy, {PACKAGE}.session"
CLIENT = "candlegraph.agents.models.wire.compatible"
BEYOND = (
    ("backtest: beyond freqtrade's, by the rule", OWN),
    ("backtest: beyond freqtrade's, by an endpoint", f"{OWN}, {CLIENT}"),
)
ROWS = 100
START = datetime(2025, 1, 1, tzinfo=UTC)


def main() -> None:
    """Measure and print."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--times", type=int, default=5)
    parser.add_argument("--markdown", action="store_true", help="a Markdown table on stdout")
    options = parser.parse_args()
    with tempfile.TemporaryDirectory() as folder:
        lived(Path(folder))
        python = cpu(["-c", "pass"], options.times)
        commands = [(what, f"{cpu(words, options.times):.2f}", aim) for what, words, aim in measured(folder)]
    beyond = [(what, f"{cpu_beyond(modules, options.times):.2f}", "2") for what, modules in BEYOND]
    rows = [*commands, *beyond]
    head = ("", "median CPU s", "aim")
    show("Imports", head, [("baseline: python -c pass", f"{python:.2f}", ""), *rows], (), markdown=options.markdown)


def measured(folder: str) -> list[tuple[str, list[str], str]]:
    """Return what is run: its name, the words after `python`, the aim in seconds."""
    command = ["-m", f"{PACKAGE}.commands.main"]
    where = ["--userdir", folder]
    return [
        ("candlegraph --help", [*command, "--help"], "0.25"),
        (f"memory stats, {ROWS} experiences", [*command, "memory", "stats", *where], "1.2"),
        (f"ledger show, {ROWS} decisions", [*command, "ledger", "show", *where], "1.2"),
        ("backtest: the command, which starts freqtrade and reports", ["-c", f"import {REPORTS}"], ""),
    ]


def cpu(words: Sequence[str], times: int) -> float:
    """Return the median of the seconds that `python` takes with these words, after one run that compiles."""
    return statistics.median([_once(words) for _ in range(times + 1)][1:])


def cpu_beyond(modules: str, times: int) -> float:
    """Return the median of the seconds that `modules` take in a process that has loaded freqtrade."""
    clock = "import time; began = time.process_time()"
    code = f"{FREQTRADE}\n{clock}\nimport {modules}\nprint('took', time.process_time() - began)"
    words = [sys.executable, "-c", code]
    told = [
        subprocess.run(words, env=compiling(), check=True, capture_output=True, text=True) for _ in range(times + 1)
    ]
    return statistics.median([float(one.stdout.rpartition("took ")[2]) for one in told][1:])


def compiling() -> dict[str, str]:
    """Return the environment, in which Python keeps what it compiles."""
    return {name: value for name, value in os.environ.items() if name != "PYTHONDONTWRITEBYTECODE"}


def _once(words: Sequence[str]) -> float:
    with subprocess.Popen([sys.executable, *words], env=compiling(), stdout=subprocess.DEVNULL) as process:
        _, status, used = os.wait4(process.pid, 0)
        process.returncode = os.waitstatus_to_exitcode(status)
    if process.returncode:
        raise RuntimeError(f"python {' '.join(words)}: status {process.returncode}")
    return used.ru_utime + used.ru_stime


def lived(userdir: Path) -> None:
    """Write down a short life: experiences and decisions."""
    database = userdir / DATABASE
    memory = open_memory(database)
    for number in range(ROWS):
        memory.add(experience_of_decision(recorded(number)))
    Ledger(database).append([row(number) for number in range(ROWS)])
    close_memory(database)


def recorded(number: int) -> RecordedDecision:
    """Return a decision that a model wanted remembered."""
    at = START + timedelta(minutes=30 * number)
    return RecordedDecision(
        namespace="live", pair="A", side="long", entry_price=1, opened_at=at, known_at=at, regime="range",
        situation=(1.0, float(number)), space="benchmark", decision_id=str(number), key=str(number),
        decision_type="hold", reason="r", confidence=0.5, current_profit_pct=1,
    )  # fmt: skip


def row(number: int) -> DecisionRow:
    """Return a decision to wait."""
    at = START + timedelta(minutes=30 * number)
    signal = TradeSignal(action="wait", confidence=60, reason="calm", source="model")
    return DecisionRow(
        decision_id=str(number), namespace="live", pair="A", candle=at, as_of=at + timedelta(minutes=30),
        recorded_at=at, state="flat", price=1, regime="range", model="m", prompt_version="1", prompt_hash="h", calls=1,
        repairs=0, tokens_in=1, tokens_out=1, latency_ms=1, case_ids=(), similarities=(), signal=signal, error=None,
    )  # fmt: skip


if __name__ == "__main__":
    main()

"""What became of the calls of a backtest: how many should act, how many did, and at which door the others ended.

    python benchmarks/fates.py CANDLES --timerange 20250204-20250331 --wallet 1000

Real candles in freqtrade's layout, the offline rule, the risk block of config.example.json.
"""

from __future__ import annotations

import os

os.environ["LANGSMITH_TRACING"] = "false"  # before LangChain is imported
os.environ["NO_PROXY"] = os.environ["no_proxy"] = "127.0.0.1,localhost"

import argparse
import contextlib
import io
import logging
import sys
import tempfile
from collections import Counter
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import rapidjson

sys.path.insert(0, str(Path(__file__).parents[1] / "tests"))

import backtests
from tables import show

HERE = Path(__file__).parents[1]
PAIRS = ("BTC/USDT:USDT", "ETH/USDT:USDT")
ACTING = ("signal_entry_long", "signal_entry_short", "signal_exit", "adjust_position")
OURS = ("graph_long", "graph_short", "graph_exit", "graph_add", "graph_reduce")
COMMENTS = rapidjson.PM_COMMENTS | rapidjson.PM_TRAILING_COMMAS


def main() -> None:
    """Run the backtest and print both tables."""
    arguments = _arguments()
    rules = rapidjson.loads((HERE / "config.example.json").read_text(), parse_mode=COMMENTS)["risk_management"]
    logging.disable(logging.WARNING)
    with tempfile.TemporaryDirectory() as folder, contextlib.redirect_stdout(io.StringIO()):
        known = {"dry_run_wallet": arguments.wallet, "risk_management": rules}
        result = backtests.run(arguments.datadir, Path(folder), PAIRS, arguments.timerange, **known)
        rows = result.decisions()
    show("calls", ["what", "count"], counts_of(rows, result.trades), [], markdown=False)
    show("fates", ["call", "fate", "count"], fates_of(rows), [], markdown=False)


def counts_of(rows: Sequence[Any], trades: Any) -> list[list[str]]:
    """Return the counts that need no fate: they are the same for a candlegraph that had none."""
    calls = Counter(one.name for row in rows for one in row.functions if one.name in ACTING and one.accepted)
    tags = Counter(order["ft_order_tag"] for orders in trades["orders"] for order in orders)
    known = {
        "decisions": len(rows),
        "asked of a model": sum(row.calls > 0 for row in rows),
        "calls that should act": calls.total(),
        **{f"  {name}": count for name, count in calls.most_common()},
        "orders of such calls": sum(tags[tag] for tag in OURS),
        **{f"  {tag}": count for tag, count in tags.most_common()},
        **{f"answered by {name}": count for name, count in Counter(row.signal.source for row in rows).most_common()},
    }
    return [[name, f"{count:,}"] for name, count in known.items()]


def fates_of(rows: Sequence[Any]) -> list[list[str]]:
    """Return what became of the calls, by action and door."""
    counted = Counter((row.signal.wanted.action, row.fate.door if row.fate else "none") for row in rows if row.acts)
    return [[action, door, str(count)] for (action, door), count in sorted(counted.items())]


def _arguments() -> argparse.Namespace:
    given = argparse.ArgumentParser(description=__doc__)
    given.add_argument("datadir", type=Path)
    given.add_argument("--timerange", default="20250204-20250331")
    given.add_argument("--wallet", type=float, default=1000)
    return given.parse_args()


if __name__ == "__main__":
    main()

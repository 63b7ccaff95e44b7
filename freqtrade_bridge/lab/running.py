"""One backtest from Python: what was given -> order -> freqtrade in a thread, a line that says how far it is -> Run."""

from __future__ import annotations

import sys
from collections.abc import Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor, wait
from pathlib import Path
from typing import Any

from langchain_core.language_models import BaseChatModel

from candlegraph.freqtrade_bridge.commands.arguments import USERDIR
from candlegraph.freqtrade_bridge.lab.decided import with_texts
from candlegraph.freqtrade_bridge.lab.given import Config, Model, Prompts, given_of, order_of
from candlegraph.freqtrade_bridge.lab.run import Run
from candlegraph.freqtrade_bridge.loopback.backtest import BacktestOrder, RunFiles
from candlegraph.graph.settings.settings import settings_of

EACH = 0.2
"""Seconds between two looks at how far it is."""


def backtest(
    config: Config = None,
    *,
    pairs: str | Sequence[str] = (),
    timerange: str | None = None,
    model: Model = None,
    prompts: Prompts = None,
    overrides: Mapping[str, Any] | None = None,
    datadir: str | Path | None = None,
    userdir: str | Path | None = None,
    offline: bool = True,
    progress: bool | None = None,
) -> Run:
    """Backtest in this process, and return what came of it; raise BridgeError or ConfigError with the reason.

    Without a configuration: the offline rule on `datadir`, or on the real month that the package brings along (June
    2025, BTC and ETH). `overrides` are keys of the configuration. `offline`: the exchange is played on loopback; else
    it is asked for its markets. `progress`: a line on stderr; None: where a terminal or a notebook shows it.
    """
    home = Path(userdir or USERDIR).resolve()
    given = given_of(config, model, prompts, overrides)
    if userdir is None and (named := given.config.get("user_data_dir")):
        home = Path(str(named)).resolve()
    named_pairs = (pairs,) if isinstance(pairs, str) else tuple(pairs)
    place = None if datadir is None else Path(datadir)
    order = order_of(given, named_pairs, timerange, place, home, offline=offline)
    asked = model if isinstance(model, BaseChatModel) else None
    config = order.configuration
    files, warnings = _run(order, asked, offline=offline, progress=progress)
    return Run(
        userdir=order.userdir,
        namespace=files.namespace,
        config=with_texts(config, settings_of(config).llm_config.own_prompts),
        archive=files.archive,
        datadir=order.datadir,
        model=asked,
        warnings=tuple(warnings),
    )


def _run(
    order: BacktestOrder, model: BaseChatModel | None, *, offline: bool, progress: bool | None
) -> tuple[RunFiles, list[str]]:
    """Run the order in a thread of its own: freqtrade starts event loops, and a notebook's own is running here."""
    from candlegraph.freqtrade_bridge.lab.engine import Watched, run_here  # loads freqtrade: seconds
    from candlegraph.freqtrade_bridge.lab.progress import ProgressLine, is_watched

    watched = Watched()
    line = ProgressLine(sys.stderr) if (is_watched(sys.stderr) if progress is None else progress) else None
    with ThreadPoolExecutor(1, thread_name_prefix="candlegraph-backtest") as thread:
        end = thread.submit(run_here, order, watched, offline=offline, model=model)
        try:
            while not wait([end], EACH).done:
                if line is not None:
                    line.draw(watched)
        except KeyboardInterrupt:
            watched.stop()
            raise
        finally:
            if line is not None:
                line.close(watched)
        return end.result(), [*watched.warnings, *watched.errors]

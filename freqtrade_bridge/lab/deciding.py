"""One candle decided from Python, flat, as `candlegraph decide` does it; nothing is stored and nothing traded."""

from __future__ import annotations

from argparse import ArgumentTypeError
from collections.abc import Mapping
from datetime import datetime
from pathlib import Path
from typing import Any

from langchain_core.language_models import BaseChatModel

from candlegraph.freqtrade_bridge.commands.arguments import USERDIR, utc
from candlegraph.freqtrade_bridge.commands.decide import Candle, candle_and_context
from candlegraph.freqtrade_bridge.lab.decided import Decision, taken
from candlegraph.freqtrade_bridge.lab.given import Config, Model, Prompts, candles_of, given_of
from candlegraph.graph.builder import graph
from candlegraph.graph.nodes import loop_thread
from candlegraph.graph.schema.errors import ConfigError
from candlegraph.graph.state import CandleState


def decide(
    pair: str,
    at: str | datetime,
    *,
    config: Config = None,
    model: Model = None,
    prompts: Prompts = None,
    overrides: Mapping[str, Any] | None = None,
    datadir: str | Path | None = None,
    userdir: str | Path = USERDIR,
    namespace: str | None = None,
) -> Decision:
    """Return the decision on the candle that closes at `at` (UTC), with the dry-run wallet.

    `namespace`: whose experiences are read; None: the newest that has any.
    """
    home = Path(userdir).resolve()
    known = given_of(config, model, prompts, overrides).config
    folder = candles_of(known, home) if datadir is None else Path(datadir)
    try:
        as_of = utc(str(at))
    except ArgumentTypeError as e:
        raise ConfigError(f"lab.decide: at: {e}") from None
    given, context = candle_and_context(Candle(pair, as_of, folder, home, namespace), known)
    if isinstance(model, BaseChatModel):
        context = context.with_model(model)
    values = loop_thread().submit(graph.ainvoke(given, context=context)).result()
    return taken(CandleState.model_validate(values), context, model)

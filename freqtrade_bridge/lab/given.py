"""What a caller gives, as the order that the backtester understands.

config (path, paths, dict, nothing) + pairs, time range, model, prompts, overrides -> BacktestOrder
"""

from __future__ import annotations

import os
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any, NamedTuple

from langchain_core.language_models import BaseChatModel

from candlegraph.freqtrade_bridge.commands.arguments import MONTH, SAMPLE
from candlegraph.freqtrade_bridge.commands.run_arguments import named_model
from candlegraph.freqtrade_bridge.host.configuration_files import COMMAND_LINE, over, read_files
from candlegraph.freqtrade_bridge.host.environment_file import load_beside
from candlegraph.freqtrade_bridge.host.keys import MAIN
from candlegraph.freqtrade_bridge.lab.hush import LOG_CONFIG
from candlegraph.freqtrade_bridge.loopback.backtest import BacktestOrder
from candlegraph.freqtrade_bridge.loopback.configuration import refuse_unplayed
from candlegraph.graph.schema.errors import ConfigError
from candlegraph.graph.settings.prompts import ENDING
from candlegraph.graph.settings.settings import settings_of

if TYPE_CHECKING:
    from candlegraph.freqtrade_bridge.loopback.sample_market import SampleMarket

Config = str | Path | Sequence[str | Path] | Mapping[str, Any] | None
"""A configuration file, several, the configuration itself, or none: a dry-run wallet of 10,000 USDT on futures."""
Model = str | Mapping[str, Any] | BaseChatModel | None
"""A name, as `--model` takes it; keys of `llm_config`; a LangChain chat model; or as configured."""
Prompts = str | Path | Mapping[str, str] | None
"""A folder of prompts; texts by name, like `decision.en`, or `decision` for both languages; or as configured."""

HERE = "lab"
"""Where a key was given that no file and no variable holds."""
GIVEN = "given"
"""Stands as the provider of a model that a caller hands in."""


class Given(NamedTuple):
    """Files, and what is stronger than they are."""

    files: tuple[Path, ...]
    overrides: dict[str, Any]

    @property
    def config(self) -> dict[str, Any]:
        """Return the configuration; raise ConfigError where a key of ours is wrong."""
        read = read_files(self.files, self.overrides)
        settings_of(read.merged, lambda path: HERE if read.place(path) == COMMAND_LINE else read.place(path))
        return read.merged


def given_of(config: Config, model: Model, prompts: Prompts, overrides: Mapping[str, Any] | None = None) -> Given:
    """Return files and overrides; the `.env` beside the first file is read, as the commands do."""
    files: tuple[Path, ...] = ()
    weakest: Mapping[str, Any] = {}
    if isinstance(config, Mapping):
        weakest = config
    elif isinstance(config, str | Path):
        files = (Path(config).resolve(),)
    elif config is not None:
        files = tuple(Path(one).resolve() for one in config)
    load_beside(files, os.environ)
    stronger = over(overrides or {}, weakest)
    for llm_config in (llm_of(model), prompts_of(prompts)):
        stronger = over({"llm_config": llm_config} if llm_config else {}, stronger)
    return Given(files, stronger)


def llm_of(model: Model) -> dict[str, Any]:
    """Return the keys of `llm_config` by which the model is asked in every role that has no own one."""
    if isinstance(model, BaseChatModel):
        nothing: dict[str, Any] = {"api_base": None, "api_key_env": None, "fallbacks": [], "roles": {}}
        return {"provider": GIVEN, "model": name_of(model), **nothing}
    return dict(model) if isinstance(model, Mapping) else named_model(model)


def name_of(model: BaseChatModel) -> str:
    """Return what the ledger calls a model: the name that it has at its provider, else its class's."""
    names = (getattr(model, name, None) for name in ("model_name", "model", "model_id"))
    return next((name for name in names if isinstance(name, str) and name), type(model).__name__)


def prompts_of(prompts: Prompts) -> dict[str, Any]:
    """Return the keys of `llm_config` that name the prompts."""
    if prompts is None:
        return {}
    if isinstance(prompts, Mapping):
        return {"own_prompts": {name.removesuffix(ENDING): text for name, text in prompts.items()}}
    return {"prompts_dir": str(Path(prompts).resolve())}


def order_of(
    given: Given, pairs: Sequence[str], timerange: str | None, datadir: Path | None, userdir: Path, *, offline: bool
) -> BacktestOrder:
    """Return the order; without candles of the caller's own it is on the month that the package brings along."""
    config = given.config
    if offline:
        refuse_unplayed(read_files(given.files, given.overrides))
    if datadir is None and not given.files and "exchange" not in config:
        market = _packaged(userdir / "data", str(config.get("timeframe", MAIN)))
        datadir, pairs, timerange = market.datadir, pairs or market.pairs, timerange or market.timerange
    wanted = timerange or config.get("timerange")
    if not wanted:
        raise ConfigError('lab: no time range; expected timerange="20250301-20250308", or "timerange" in `config`')
    return BacktestOrder(
        datadir=(datadir or candles_of(config, userdir)).resolve(),
        userdir=userdir,
        pairs=tuple(pairs),
        timerange=str(wanted),
        configs=given.files,
        overrides=given.overrides | {"log_config": LOG_CONFIG},
    )


def _packaged(data: Path, timeframe: str) -> SampleMarket:
    """Write the real month, or for a timeframe that it does not have the synthetic market."""
    from candlegraph.freqtrade_bridge.loopback.month import write_month  # loads freqtrade
    from candlegraph.freqtrade_bridge.loopback.sample_market import write_sample_market

    return write_month(data / MONTH) if timeframe == MAIN else write_sample_market(data / SAMPLE, timeframe)


def candles_of(config: Mapping[str, Any], userdir: Path) -> Path:
    """Return freqtrade's own candle folder for the configured exchange, else that of the packaged month."""
    exchange = config.get("exchange")
    name = str(exchange.get("name", "")).lower() if isinstance(exchange, Mapping) else ""
    return userdir / "data" / (name or MONTH)

"""`candlegraph check`: whether a configuration is sound, with nothing heavy loaded; with --model one real call."""

from __future__ import annotations

import os
import re
import sys
from argparse import ArgumentParser, Namespace
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

from candlegraph.freqtrade_bridge.commands.arguments import add_json, loading
from candlegraph.freqtrade_bridge.host.configuration_files import ConfigFiles, loaded, read_files
from candlegraph.freqtrade_bridge.host.environment_file import load_beside
from candlegraph.freqtrade_bridge.host.keys import MAIN, refuse_conflicts, refused_format, refused_mode
from candlegraph.graph.schema.errors import ConfigError
from candlegraph.graph.settings.context import minutes_of
from candlegraph.graph.settings.llm import ModelSettings
from candlegraph.graph.settings.refusal import PlaceOf
from candlegraph.graph.settings.settings import Settings, settings_of

if TYPE_CHECKING:
    from candlegraph.freqtrade_bridge.commands.model_check import ModelCheck

VARIABLE = re.compile(r"[A-Z][A-Z0-9_]{0,60}")
"""A name that is surely no key."""


def add_check(command: ArgumentParser) -> None:
    """Let the command be told what to check."""
    command.add_argument(
        "--config", "-c", dest="files", type=Path, action="append", required=True, help="freqtrade configuration files"
    )
    command.add_argument("--model", action="store_true", help="ask the deciding model for one function call: it costs")
    add_json(command, "what a run would stand on; mistakes go to stderr, with status 1")
    command.set_defaults(run=print_check)


def print_check(arguments: Namespace) -> None:
    """Print that the configuration is sound, or raise ConfigError with every mistake in it."""
    load_beside(arguments.files, os.environ)
    settings = check_files(arguments.files, {}, is_run=True)
    names = list(map(str, arguments.files))
    if not arguments.json:
        sys.stdout.write("\n".join([f"{', '.join(names)}: sound", *_facts(settings)]) + "\n")
    answer = _answer(settings) if arguments.model else None
    if arguments.json:
        from candlegraph.freqtrade_bridge.report.listing import print_json

        print_json({"files": names, **_known(settings), "answer": answer and answer._asdict()})
    elif answer is not None:
        sys.stdout.write(f"  {answer.told}\n")


def _answer(settings: Settings) -> ModelCheck:
    with loading():
        from candlegraph.freqtrade_bridge.commands.model_check import asked_once
        from candlegraph.freqtrade_bridge.commands.waiting import working

    with working("waiting for the model's answer"):
        return asked_once(settings)


def check_files(files: Sequence[Path], overrides: Mapping[str, Any], *, is_run: bool) -> Settings:
    """Return the settings that the files, `overrides` and the environment give; raise ConfigError naming file and key.

    `is_run`: the strategy will run on them, so freqtrade's own keys count too.
    """
    return _sound(read_files(files, overrides), is_run=is_run)


def check_loaded(config: Mapping[str, Any], main: str) -> None:
    """Raise ConfigError for a configuration that freqtrade has loaded and the strategy could not run on.

    `main` is the strategy's timeframe where the configuration names none.
    """

    def place(path: tuple[str | int, ...]) -> str:
        return loaded(config).place(path)  # the files are read again only where something is wrong

    settings = settings_of({"timeframe": main, **config}, place)
    if wrong := list(_conflicts(config, config.get("original_config") or {}, settings, place, main)):
        raise ConfigError("\n".join(wrong))


def _sound(read: ConfigFiles, *, is_run: bool) -> Settings:
    config = read.merged
    settings = settings_of(config, read.place)
    if is_run and (wrong := list(_conflicts(config, config, settings, read.place, MAIN))):
        raise ConfigError("\n".join(wrong))
    return settings


def _conflicts(
    config: Mapping[str, Any], given: Mapping[str, Any], settings: Settings, place: PlaceOf, main: str
) -> Iterator[str]:
    """Yield what the strategy would refuse at its start; `given` is what the user wrote."""
    try:
        refuse_conflicts({"original_config": given})
    except ConfigError as e:
        said = str(e).removeprefix("config: ")
        yield f"{place((said.partition(' = ')[0],))}: {said}"
    for key, said in [*refused_mode(config), *refused_format(config)]:
        yield f"{place((key,))}: {said}"
    first, timeframe = settings.context_config.timeframes[0], config.get("timeframe", main)
    if first != timeframe:
        wanted = f"context_config.timeframes must begin with it, was {first!r}"
        said = "expected one like 30m, 4h or 1d" if minutes_of(timeframe) is None else wanted
        yield f"{place(('timeframe',))}: timeframe = {timeframe!r}: {said}"
    for model in _models(settings):
        if model.api_key_env is not None and model.api_key_env not in os.environ:
            where = place(("llm_config", "api_key_env"))
            shown = model.api_key_env if VARIABLE.fullmatch(model.api_key_env) else "***"  # a key put there by mistake
            yield f"{where}: llm_config.api_key_env = {shown!r}: no such environment variable, nor in .env"


def _models(settings: Settings) -> tuple[ModelSettings, ...]:
    return settings.llm_config.models_of("decision")


def _known(settings: Settings) -> dict[str, Any]:
    """Return what a run would stand on."""
    llm, rules = settings.llm_config, settings.risk_management
    models = [{"model": one.model, "provider": one.provider, "api_base": one.api_base} for one in _models(settings)]
    return {
        "models": models,
        "depth": llm.depth,
        "mode": llm.mode,
        "timeframes": list(settings.context_config.timeframes),
        "max_leverage": rules.max_leverage,
        "max_risk_per_trade_pct": rules.max_risk_per_trade_pct,
    }


def _facts(settings: Settings) -> Iterator[str]:
    """Yield the same for a person."""
    known = _known(settings)
    for number, one in enumerate(known["models"]):
        where = one["api_base"] or f"its provider {one['provider']!r}"
        yield f"  {'fallback' if number else 'model'}: {one['model']} at {where}"
    yield f"  depth {known['depth']}, mode {known['mode']}, timeframes {', '.join(known['timeframes'])}"
    yield (
        f"  leverage at most {known['max_leverage']:g}x, "
        f"risk {known['max_risk_per_trade_pct']:g} % of the equity per trade"
    )

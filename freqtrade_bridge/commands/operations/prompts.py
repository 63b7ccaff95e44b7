"""`candlegraph prompts init|diff|check`: the prompts as files to edit, what was changed in them, and what is wrong."""

from __future__ import annotations

import difflib
import sys
from argparse import ArgumentParser, Namespace
from collections.abc import Iterator
from pathlib import Path

from candlegraph.freqtrade_bridge.commands.arguments import add_config, later
from candlegraph.freqtrade_bridge.host.configuration_files import over, read_files
from candlegraph.graph.schema.errors import ConfigError
from candlegraph.graph.settings.prompts import ENDING, NAMES
from candlegraph.graph.settings.settings import Settings, settings_of

HERE = __name__
FOLDER = Path("prompts")


def add_prompts(command: ArgumentParser) -> None:
    """Add the actions to `candlegraph prompts`."""
    actions = command.add_subparsers(required=True, metavar="ACTION")
    init = actions.add_parser("init", help="write the packaged prompts as files to edit")
    init.add_argument("--to", type=Path, default=FOLDER, help=f"folder; default: {FOLDER}")
    init.add_argument("--language", choices=("en", "zh"), default="en", help="default: en")
    init.add_argument("--force", action="store_true", help="replace files that are there already")
    init.set_defaults(run=later(f"{HERE}:print_init"))
    diff = actions.add_parser("diff", help="what your prompts change, line by line")
    check = actions.add_parser("check", help="what is wrong with your prompts; status 1 where no model can be asked")
    for name, action in (("diff", diff), ("check", check)):
        action.add_argument("--dir", type=Path, help="folder of prompts; default: llm_config.prompts_dir")
        add_config(action, "freqtrade configuration files, for prompts_dir, language and budget")
        action.set_defaults(run=later(f"{HERE}:print_{name}"))


def print_init(arguments: Namespace) -> None:
    """Write one file per prompt; raise ConfigError where one is there already."""
    from candlegraph.agents.prompt.files import prompt_text

    folder: Path = arguments.to
    texts = {folder / f"{name}.{arguments.language}{ENDING}": prompt_text(name, arguments.language) for name in NAMES}
    there = [path for path in texts if path.exists()]
    if there and not arguments.force:
        raise ConfigError(f"prompts init: {there[0]} is there already; --force replaces it, --to names another folder")
    folder.mkdir(parents=True, exist_ok=True)
    for path, text in texts.items():
        path.write_text(text, encoding="utf-8")
    sys.stdout.write(
        f"{len(texts)} prompts in {folder}. Keep the ones that you change, remove the others, and name the folder:\n"
        f'  "llm_config": {{"prompts_dir": "{folder}"}}\n'
        f"Then: candlegraph prompts diff --dir {folder}, candlegraph prompts check --dir {folder}\n"
    )


def print_diff(arguments: Namespace) -> None:
    """Print the lines that differ from the packaged prompts."""
    for name, text in settings_with(arguments).llm_config.own_prompts.items():
        lines = list(changed_lines(name, text))
        sys.stdout.write("\n".join(lines or [f"{name}{ENDING}: as the packaged one"]) + "\n")


def print_check(arguments: Namespace) -> None:
    """Print each prompt with its version and tokens, then what to know of it; raise ConfigError for what is wrong."""
    from candlegraph.agents.asking.own_prompts import doubts, too_long
    from candlegraph.agents.prompt.files import version_of
    from candlegraph.agents.prompt.tokens import tokens_of

    settings = settings_with(arguments)
    most = settings.context_config.allocation.system
    for name, text in settings.llm_config.own_prompts.items():
        told = f"version {version_of(text)}, {tokens_of(text)} tokens of at most {most}"
        sys.stdout.write(f"{name}{ENDING}: {told}\n")
    for one in doubts(settings):
        sys.stdout.write(f"warn: {one}\n")
    if long := too_long(settings):
        raise ConfigError("\n".join(long))


def settings_with(arguments: Namespace) -> Settings:
    """Return the settings with the prompts of the folder that is meant; raise ConfigError where nobody names one."""
    read = read_files(arguments.config)
    named = {} if arguments.dir is None else {"llm_config": {"prompts_dir": str(arguments.dir)}}
    settings = settings_of(over(named, read.merged), read.place)
    if not settings.llm_config.own_prompts:
        raise ConfigError("prompts: no own prompts; expected --dir FOLDER, or -c CONFIG with llm_config.prompts_dir")
    return settings


def changed_lines(name: str, text: str) -> Iterator[str]:
    """Yield a unified diff from the packaged prompt to the own one; of a name without a language from the English."""
    from candlegraph.agents.prompt.files import prompt_text

    base, _, language = name.partition(".")
    packaged = prompt_text(next(one for one in NAMES if one == base), "zh" if language == "zh" else "en")
    return difflib.unified_diff(
        packaged.splitlines(), text.splitlines(), f"packaged {name}{ENDING}", f"{name}{ENDING}", lineterm="", n=1
    )

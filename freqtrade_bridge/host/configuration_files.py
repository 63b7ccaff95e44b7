"""Freqtrade's configuration as its loader reads it, in milliseconds: files, `//` comments, FREQTRADE__ variables.

weakest → strongest: a file's add_config_files, the file, later files, what the command line says, the environment

Freqtrade's own loader imports pandas and more, which takes seconds; a test holds the two together.
"""

from __future__ import annotations

import os
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from itertools import pairwise
from pathlib import Path
from typing import Any

import rapidjson

from candlegraph.graph.schema.errors import ConfigError

PREFIX = "FREQTRADE__"
AS_TEXT = ("CHAT_ID", "PASSWORD")
"""Variables whose last word is one of these stay as they are written."""
CCXT = ("ccxt_config", "ccxt_sync_config", "ccxt_async_config")
COMMAND_LINE = "the command line"
DEEPEST = 5
OPTIONS = {"--timeframe": "timeframe", "-i": "timeframe", "--data-format-ohlcv": "dataformat_ohlcv"}
"""Options of freqtrade that replace a key."""
PARSE_MODE = rapidjson.PM_COMMENTS | rapidjson.PM_TRAILING_COMMAS


@dataclass(frozen=True)
class Layer:
    """What one file, or the environment, says."""

    name: str
    content: Mapping[str, Any]


@dataclass(frozen=True)
class ConfigFiles:
    """What was read, the weakest layer first."""

    layers: tuple[Layer, ...]

    @property
    def merged(self) -> dict[str, Any]:
        """Return the configuration that freqtrade would work with."""
        config: dict[str, Any] = {}
        for layer in self.layers:
            config = over(layer.content, config)
        return config

    def place(self, path: Sequence[str | int]) -> str:
        """Return the strongest layer that holds the key, or most of the way to it."""
        named = [(_depth(layer.content, path), number) for number, layer in enumerate(self.layers)]
        depth, number = max(named, default=(0, 0))
        if not depth:
            return "config"
        name = self.layers[number].name
        return "".join([PREFIX, "__".join(map(str, path)).upper()]) if name == PREFIX else name


def read_files(files: Iterable[Path | str], overrides: Mapping[str, Any] | None = None) -> ConfigFiles:
    """Return what the files say, over them `overrides` of the command line, over all the environment's variables."""
    layers = [layer for file in files for layer in _layers(Path(file))]
    given = [Layer(COMMAND_LINE, overrides)] if overrides else []
    return ConfigFiles((*layers, *given, Layer(PREFIX, environment(os.environ))))


def merged_files(files: Iterable[Path | str]) -> dict[str, Any]:
    """Return what the files say together, whatever the environment says."""
    return ConfigFiles(tuple(layer for file in files for layer in _layers(Path(file)))).merged


def loaded(config: Mapping[str, Any]) -> ConfigFiles:
    """Return the layers of a configuration that freqtrade has loaded; none of them where a file is gone since."""
    names = [name for name in config.get("config_files") or [] if Path(name).is_file()]
    layers = [Layer(name, parsed(Path(name))) for name in reversed(names)]
    return ConfigFiles((*layers, Layer(PREFIX, environment(os.environ))))


def parsed(file: Path) -> dict[str, Any]:
    """Return one file's content; raise ConfigError naming the file, and the place where it is not JSON."""
    try:
        raw = file.read_bytes()
        found = rapidjson.loads(raw.decode("utf-8"), parse_mode=PARSE_MODE)
    except FileNotFoundError as e:
        raise ConfigError(f"{file}: there is no such file; --config: expected a configuration of freqtrade's") from e
    except OSError as e:
        raise ConfigError(f"{file}: cannot be read: {e.strerror}; expected a configuration of freqtrade's") from e
    except UnicodeDecodeError as e:
        raise ConfigError(f"{file}: expected UTF-8, was byte {e.object[e.start]:#04x} at {e.start}") from e
    except rapidjson.JSONDecodeError as e:
        raise ConfigError(f"{file}{_where(str(e), raw)}") from e
    if not isinstance(found, dict):
        raise ConfigError(f"{file}: expected an object in braces, was {type(found).__name__}")
    return found


def passed_on(options: Sequence[str]) -> dict[str, Any]:
    """Return what options for freqtrade itself say of its configuration, as far as it matters before the start."""
    words = [word for option in options for word in option.split("=", 1)]
    return {OPTIONS[name]: value for name, value in pairwise(words) if name in OPTIONS}


def environment(variables: Mapping[str, str]) -> dict[str, Any]:
    """Return what FREQTRADE__ variables say, nested by their double underscores."""
    found: dict[str, Any] = {}
    for name, text in sorted(variables.items()):
        if name.startswith(PREFIX):
            found = over(_nested(name.replace(PREFIX, "").split("__"), text), found)
    return found


def over(strong: Mapping[str, Any], weak: Mapping[str, Any]) -> dict[str, Any]:
    """Return both, block in block; where they differ `strong` wins."""
    merged = dict(weak)
    for key, value in strong.items():
        if isinstance(value, Mapping):
            below = merged.get(key)
            merged[key] = over(value, below if isinstance(below, Mapping) else {})
        else:
            merged[key] = value
    return merged


def typed(text: str) -> Any:
    """Return a variable's text as the number, truth or list that freqtrade takes it for."""
    for kind in (int, float):
        try:
            return kind(text)
        except ValueError:
            continue
    if text.lower() in ("t", "true", "f", "false"):
        return text.lower().startswith("t")
    try:
        value = rapidjson.loads(text)
    except rapidjson.JSONDecodeError:
        return text
    return value if isinstance(value, list) else text


def _layers(file: Path, level: int = 0) -> Iterator[Layer]:
    if level > DEEPEST:
        raise ConfigError(f"{file}: add_config_files: the files name each other in a circle")
    content = parsed(file)
    further = content.get("add_config_files", [])
    if not isinstance(further, list):
        raise ConfigError(f"{file}: add_config_files = {further!r}: expected a list of files")
    for name in further:
        yield from _layers(file.resolve().parent / str(name), level + 1)
    yield Layer(str(file), content)


def _nested(parts: Sequence[str], text: str) -> dict[str, Any]:
    keeps_case = parts[0].lower() == "exchange" and any(part.lower() in CCXT for part in parts)
    value: Any = text if parts[-1] in AS_TEXT else typed(text)
    for number, part in enumerate(reversed(parts)):
        value = {part if keeps_case and number == 0 else part.lower(): value}
    return dict(value)


def _depth(content: Any, path: Sequence[str | int]) -> int:
    """Return how many steps of `path` lead somewhere in `content`."""
    for number, part in enumerate(path):
        if isinstance(content, Mapping) and part in content:
            content = content[part]
        elif isinstance(content, list) and isinstance(part, int) and part < len(content):
            content = content[part]
        else:
            return number
    return len(path)


def _where(message: str, raw: bytes) -> str:
    """Return line, column and what is wrong there, from rapidjson's message."""
    if raw.startswith(b"\xef\xbb\xbf"):
        return ": begins with a byte order mark, which freqtrade does not read; save it as UTF-8 without one"
    head, _, problem = message.removeprefix("Parse error at offset ").partition(": ")
    if not head.isdecimal():
        return f": not JSON: {message}"
    before = raw[: int(head)].decode("utf-8", "replace")
    line, column = before.count("\n") + 1, len(before) - (before.rfind("\n") + 1) + 1
    return f": line {line}, column {column}: {problem}"

"""How a refused configuration is explained: the file, the key, the value, and what is valid instead."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from typing import Any, TypeAlias, get_args

from pydantic import BaseModel, ValidationError

from candlegraph.graph.settings.block import Block
from candlegraph.graph.settings.moved_keys import FATES, GONE, MovedKey, meant

KeyPath: TypeAlias = tuple[str | int, ...]
PlaceOf: TypeAlias = Callable[[KeyPath], str]
"""Names where a key was read from: a file, or an environment variable."""
SECRETS = ("api_key", "api_key_env", "database_url", "ping_url")
"""Keys whose value is not shown; somebody puts the key itself where its variable's name belongs."""


def explained(error: ValidationError, place: PlaceOf, root: type[BaseModel]) -> str:
    """Return one line for each mistake in `root`; before them what to do about the form of the earlier system."""
    faults = error.errors(include_url=False)
    old = [fault["loc"] for fault in faults if fault["type"] == "extra_forbidden" and _key(fault["loc"]) in FATES]
    lines = [_line(fault, place, root) for fault in faults]
    return "\n".join([*_of_the_earlier_system(old, place), *lines]) if old else "\n".join(lines)


def _of_the_earlier_system(old: Sequence[KeyPath], place: PlaceOf) -> Iterator[str]:
    files = list(dict.fromkeys(place(path) for path in old))
    named = " ".join(f"'{one}'" if " " in one else one for one in files)
    command = f"candlegraph migrate {'CONFIG' if files == ['config'] else named}"
    known = f"{len(old)} of its keys are not known here" if len(old) > 1 else "a key of it is not known here"
    yield f"{', '.join(files)}: written for the earlier system; {known}. Run: {command}"
    yield "It writes the new form into a file of its own and says what became of each key. They are:"


def _line(fault: Any, place: PlaceOf, root: type[BaseModel]) -> str:
    path: KeyPath = fault["loc"]
    where, key = place(path), _key(path)
    if fault["type"] == "extra_forbidden":
        return f"{where}: {key}: unknown key; {_hint(path, root)}"
    shown = "***" if _is_secret(key, fault["input"]) else repr(fault["input"])
    return f"{where}: {key} = {shown}: {fault['msg'].removeprefix('Value error, ')}"


def _key(path: KeyPath) -> str:
    return ".".join(str(part) for part in path)


def _is_secret(key: str, value: object) -> bool:
    """Return whether a value may be a secret or hold one: a block is not shown, nor a list of blocks."""
    if isinstance(value, list | tuple):
        return any(_is_secret(key, one) for one in value)
    return isinstance(value, Mapping) or any(part in SECRETS for part in key.split("."))


def _hint(path: KeyPath, root: type[BaseModel]) -> str:
    """Return where the key went, or what it was meant to be, or else what is valid."""
    if (fate := (FATES | GONE).get(_key(path))) is not None:
        return told(fate)
    name, names = str(path[-1]), list(_block_at(path[:-1], root).model_fields)
    if (right := meant(name, names)) is not None:
        return f"did you mean {right!r}?"
    places = [key for key in _keys(root) if key.rpartition(".")[2] == name]
    return f"it belongs to {places[0]}" if len(places) == 1 else f"valid: {', '.join(names)}"


def told(fate: MovedKey) -> str:
    """Return where a key of the earlier system went, in words."""
    if fate.to is None:
        return f"no counterpart: {fate.why}"
    return f"it moved to {fate.to}{f' ({fate.why})' if fate.why else ''}"


def _keys(block: type[BaseModel], prefix: str = "") -> Iterator[str]:
    for name, field in block.model_fields.items():
        yield f"{prefix}{name}"
        if isinstance(field.annotation, type) and issubclass(field.annotation, Block):
            yield from _keys(field.annotation, f"{prefix}{name}.")


def _block_at(path: KeyPath, root: type[BaseModel]) -> Any:
    """Return the block that `path` leads to, through lists and tables of blocks."""
    inner: Any = root
    for part in path:
        is_block = isinstance(inner, type) and issubclass(inner, Block)
        inner = (
            inner.model_fields[str(part)].annotation
            if is_block
            else [one for one in get_args(inner) if one is not ...][-1]
        )
    return inner

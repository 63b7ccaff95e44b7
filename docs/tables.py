"""Write the tables of two pages from the code, which is the one truth: settings and commands; part of `make docs`.

In docs/configuration.md a table stands between `<!-- settings: PREFIX -->` and `<!-- end of settings -->`, and holds
the keys below PREFIX that no longer prefix on the page takes. In docs/commands.md the commands stand so.
"""

from __future__ import annotations

import json
import re
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any, NamedTuple

from candlegraph.freqtrade_bridge.commands.parser import COMMANDS
from candlegraph.graph.settings.block import Block
from candlegraph.graph.settings.settings import Settings

HERE = Path(__file__).parent
PLACE = re.compile(r"(<!-- settings: ([\w.]+) -->\n).*?(<!-- end of settings -->)", re.DOTALL)
HEAD = "| key | valid | default | effect |\n|---|---|---|---|"
COMMAND_PLACE = re.compile(r"(<!-- commands -->\n).*?(<!-- end of commands -->)", re.DOTALL)
WORDS = {
    "boolean": "`true`, `false`",
    "string": "text",
    "integer": "whole number",
    "number": "number",
    "null": "`null`",
}
BOUNDS = {"minimum": "≥", "exclusiveMinimum": ">", "maximum": "≤", "exclusiveMaximum": "<"}


class Key(NamedTuple):
    """One key of the configuration."""

    path: str
    valid: str
    default: str
    effect: str

    @property
    def row(self) -> str:
        """Return the key as a row of a table."""
        return f"| `{self.path}` | {self.valid} | `{self.default}` | {self.effect} |"


def main() -> None:
    """Rewrite the pages."""
    for name, written in PAGES.items():
        page = HERE / name
        page.write_text(written(page.read_text(encoding="utf-8")), encoding="utf-8")


def with_commands(page: str) -> str:
    """Return the page with the commands as the parser has them now."""
    rows = [
        f"| {group if one is several[0] else ''} | `{one.name}` | {one.what} |"
        for group, several in COMMANDS.items()
        for one in several
    ]
    table = "\n".join(["| for | command | what it does |", "|---|---|---|", *rows])
    return COMMAND_PLACE.sub(lambda found: f"{found[1]}\n{table}\n\n{found[2]}", page)


def with_settings(page: str) -> str:
    """Return the page with the tables as the settings are now; raise ValueError for a key that no table takes."""
    prefixes = [prefix for _, prefix, _ in PLACE.findall(page)]
    rows: dict[str, list[str]] = {prefix: [] for prefix in prefixes}
    for key in keys_of(Settings()):
        taken = [prefix for prefix in prefixes if key.path.startswith(f"{prefix}.")]
        if not taken:
            raise ValueError(f"docs/configuration.md has no table for {key.path}: add <!-- settings: PREFIX --> for it")
        rows[max(taken, key=len)].append(key.row)
    tables = {prefix: "\n".join([HEAD, *rows[prefix]]) for prefix in prefixes}
    return PLACE.sub(lambda found: f"{found[1]}\n{tables[found[2]]}\n\n{found[3]}", page)


def keys_of(block: Block, prefix: str = "") -> Iterator[Key]:
    """Yield every key below `block`."""
    schema = type(block).model_json_schema()
    for name, field in type(block).model_fields.items():
        value = getattr(block, name)
        if isinstance(value, Block):
            yield from keys_of(value, f"{prefix}{name}.")
        else:
            default = json.dumps(json.loads(json.dumps(value)), ensure_ascii=False)
            valid = told(schema["properties"][name], schema.get("$defs", {}))
            yield Key(f"{prefix}{name}", valid, default, (field.description or "").replace("|", r"\|"))


def told(schema: dict[str, Any], named: dict[str, Any]) -> str:
    """Return in words what a JSON schema lets pass."""
    if "anyOf" in schema:
        return ", ".join(dict.fromkeys(told(one, named) for one in schema["anyOf"]))
    if "$ref" in schema:
        return told(named[schema["$ref"].rpartition("/")[2]], named)
    if "enum" in schema:
        return ", ".join(f"`{one}`" for one in schema["enum"])
    kind = schema.get("type", "any")
    if kind == "array":
        return f"list of {told(schema['items'], named)}"
    if kind == "object":
        return "objects" if "properties" in schema else "object"
    return f"{WORDS[kind]} {', '.join(limits(schema))}".rstrip()


def limits(schema: dict[str, Any]) -> Iterator[str]:
    """Yield the bounds of a number in words."""
    for name, sign in BOUNDS.items():
        if name in schema:
            yield f"{sign} {schema[name]:g}"


PAGES: dict[str, Callable[[str], str]] = {"configuration.md": with_settings, "commands.md": with_commands}

if __name__ == "__main__":
    main()

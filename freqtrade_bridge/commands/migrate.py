"""`candlegraph migrate`: the earlier system's configuration in our form, and what became of each of its keys."""

from __future__ import annotations

import json
import sys
from argparse import ArgumentParser, Namespace
from collections.abc import Iterator, Sequence
from pathlib import Path

from candlegraph.freqtrade_bridge.host.configuration_files import merged_files
from candlegraph.freqtrade_bridge.migration.blocks import KeyRow, Migration, migrated
from candlegraph.freqtrade_bridge.migration.secrets_file import OWNER_ONLY, keep_secrets, write_beside
from candlegraph.graph.schema.errors import ConfigError

READABLE = 0o644
OWN = "freqtrade's own"


def add_migrate(command: ArgumentParser) -> None:
    """Let the command be told which files, and where to."""
    command.add_argument(
        "files", nargs="+", type=Path, metavar="CONFIG", help="as you gave them to freqtrade; later ones win"
    )
    command.add_argument(
        "--to", type=Path, metavar="FILE", help="default: CONFIG.candlegraph.json beside the first one"
    )
    command.add_argument("--force", action="store_true", help="replace that file, and variables of .env")
    command.set_defaults(run=print_migration)


def print_migration(arguments: Namespace) -> None:
    """Write the new form and its secrets, and print the table."""
    files: Sequence[Path] = arguments.files
    target = arguments.to or files[0].with_name(f"{files[0].stem}.candlegraph.json")
    new = migrated(merged_files(files))
    if target.exists() and not arguments.force:
        raise ConfigError(f"{target} is there already; --force replaces it, --to FILE writes another")
    secrets = target.parent / ".env"
    if new.secrets:
        keep_secrets(secrets, new.secrets, replace=arguments.force)
    text = json.dumps(new.config, indent=4, ensure_ascii=False)
    write_beside(target, f"{text}\n", OWNER_ONLY if new.holds_secrets else READABLE)
    _print(new, files, target, secrets)


def _print(new: Migration, files: Sequence[Path], target: Path, secrets: Path) -> None:
    lines = [f"{', '.join(map(str, files))}: what became of each key", "", *_table(list(_rows(new))), ""]
    lines.append(f"Written: {target}. The old form is as it was.")
    if new.secrets:
        lines.append(f"Secrets: {secrets} ({', '.join(new.secrets)}), readable by you alone.")
        lines.append(f"candlegraph reads them there; for plain freqtrade: set -a; . {secrets}; set +a")
    lines.append(f"Next: candlegraph check -c {target}")
    sys.stdout.write("\n".join(lines) + "\n")


def _table(rows: Sequence[KeyRow]) -> Iterator[str]:
    """Yield a line for each row; none is broken, so that a key can be looked for."""
    width = max((len(row.key) for row in rows if row.how != OWN), default=0)
    for row in (KeyRow("key", "became", "how"), *rows):
        yield f"{row.key:{width}}  {row.became:14}  {row.how}".rstrip()


def _rows(new: Migration) -> Iterator[KeyRow]:
    """Yield the rows; what is freqtrade's and stayed as it was is one."""
    plain = [row.key for row in new.rows.values() if row.became == "taken" and not row.how and "_config" not in row.key]
    kept = [key for key in plain if not key.startswith("risk_management")]
    if kept:
        yield KeyRow(", ".join(kept), "taken", OWN)
    yield from (row for row in new.rows.values() if row.key not in kept)

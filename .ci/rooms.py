"""The rooms of the house: the largest folder and the smallest modules; status 1 where one breaks a rule.

No folder holds more than 15 modules, no module has fewer than 30 lines unless it is a thing of its own, and every
folder is a package that a wheel contains.
"""

from __future__ import annotations

import sys
import tomllib
from collections import Counter
from collections.abc import Iterator
from pathlib import Path

ROOT = Path(__file__).parents[1]
PACKAGES = ("graph", "agents", "tools", "memory", "freqtrade_bridge")
MOST_MODULES, FEWEST_LINES, SHOWN = 15, 30, 5
THINGS = {
    "freqtrade_bridge/commands/serve.py": "a command whole",
    "freqtrade_bridge/host/quiet.py": "which of freqtrade's lines are not shown",
    "freqtrade_bridge/loopback/month.py": "the demo's real candles",
    "freqtrade_bridge/host/state.py": "the one look at the state of freqtrade's bot",
    "graph/schema/frozen.py": "what crosses a boundary is strict",
    "graph/schema/scene.py": "what is told of a situation in words",
    "graph/settings/block.py": "a group of keys is strict",
    "graph/settings/places.py": "where a run keeps what it knows",
    "memory/embeddings/ollama.py": "one provider of text vectors",
    "tools/market/scene.py": "makes a scene of a snapshot",
}
"""Small modules that are a thing of their own, and what thing."""


def main() -> int:
    """Print the sizes, and what breaks a rule."""
    sizes = {str(path.relative_to(ROOT)): _lines(path) for path in _modules()}
    folders = Counter(str(Path(name).parent) for name in sizes)
    (largest, count), *_ = folders.most_common(1)
    smallest = sorted(sizes, key=lambda name: sizes[name])[:SHOWN]
    told = ", ".join(f"{name} {sizes[name]}" for name in smallest)
    sys.stdout.write(f"rooms: {len(sizes)} modules in {len(folders)} folders; largest folder: {largest} {count}\n")
    sys.stdout.write(f"smallest modules, in lines: {told}\n")
    wrong = [*_crowded(folders), *_small(sizes), *_left_out(folders)]
    sys.stdout.writelines(f"{one}\n" for one in wrong)
    return int(bool(wrong))


def _modules() -> Iterator[Path]:
    for package in PACKAGES:
        yield from (path for path in (ROOT / package).rglob("*.py") if path.name != "__init__.py")


def _lines(path: Path) -> int:
    return len(path.read_text(encoding="utf-8").splitlines())


def _crowded(folders: Counter[str]) -> Iterator[str]:
    for name, count in folders.items():
        if count > MOST_MODULES:
            yield f"{name}: {count} modules, at most {MOST_MODULES}: move what belongs together into a folder below"


def _small(sizes: dict[str, int]) -> Iterator[str]:
    small = {name for name, lines in sizes.items() if lines < FEWEST_LINES}
    for name in sorted(small - THINGS.keys()):
        yield f"{name}: {sizes[name]} lines, at least {FEWEST_LINES}: join it to its user, or name it in .ci/rooms.py"
    for name in sorted(THINGS.keys() - small):
        yield f"{name}: named in .ci/rooms.py as small, and is gone or is not: take it out there"


def _left_out(folders: Counter[str]) -> Iterator[str]:
    """Yield the folders that `pyproject.toml` does not list: a wheel would be without them."""
    listed = tomllib.loads((ROOT / "pyproject.toml").read_text(encoding="utf-8"))["tool"]["setuptools"]["packages"]
    for name in sorted(folders):
        if (package := "candlegraph." + name.replace("/", ".")) not in listed:
            yield f"{name}: not in [tool.setuptools] packages of pyproject.toml: expected {package!r} there"


if __name__ == "__main__":
    sys.exit(main())

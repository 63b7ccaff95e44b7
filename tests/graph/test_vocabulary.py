"""One meaning per word inside the project."""

import ast
import re
from collections import defaultdict
from pathlib import Path

import candlegraph.graph.schema.errors

ROOT = Path(candlegraph.graph.schema.errors.__file__).parents[2]
PACKAGES = ("graph", "agents", "tools", "memory", "freqtrade_bridge")


def classes():
    """Return where each public class of ours is defined."""
    found = defaultdict(list)
    for package in PACKAGES:
        for path in (ROOT / package).rglob("*.py"):
            for node in ast.parse(path.read_text(encoding="utf-8")).body:
                if isinstance(node, ast.ClassDef):
                    found[node.name].append(str(path.relative_to(ROOT)))
    return found


def test_a_class_name_is_used_once():
    assert {name: places for name, places in classes().items() if len(places) > 1} == {}


def test_every_class_that_the_glossary_names_is_there():
    words = re.findall(r"`([A-Z][a-z]\w+)`", (ROOT / "docs" / "glossary.md").read_text(encoding="utf-8"))
    source = "\n".join(path.read_text(encoding="utf-8") for one in PACKAGES for path in (ROOT / one).rglob("*.py"))
    known = set(classes()) | set(re.findall(r"^([A-Z]\w+) = ", source, re.MULTILINE))
    assert len(words) > 25
    assert set(words) <= known, set(words) - known

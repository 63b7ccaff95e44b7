"""One thing in one place, and nothing that only a test uses."""

import ast
import inspect
import re
from pathlib import Path

import pytest

import candlegraph.graph.schema.errors
from candlegraph.graph.schema.market import MarketSnapshot, TimeframeView
from candlegraph.memory import outbox
from candlegraph.memory.store import ExperienceMemory

ROOT = Path(candlegraph.graph.schema.errors.__file__).resolve().parents[2]
CODE = {
    path: path.read_text(encoding="utf-8")
    for package in ("graph", "agents", "tools", "memory", "freqtrade_bridge")
    for path in sorted((ROOT / package).rglob("*.py"))
}
ONCE = {
    "the sign of a side": r"\"long\": 1, \"short\": -1|1 if [\w.]+ == \"long\" else -1",
    "what is punctual": r"^PUNCTUAL\b.*=",
    "room in a budget": r"def with_room\(",
    "where the prompts are": r"texts/\{",
}


@pytest.fixture(scope="module")
def read():
    """Return the attributes that each module reads."""
    return {
        path: {node.attr for node in ast.walk(ast.parse(text)) if isinstance(node, ast.Attribute)}
        for path, text in CODE.items()
    }


@pytest.mark.parametrize("thing", ONCE)
def test_it_is_said_once(thing):
    assert sum(len(re.findall(ONCE[thing], text, re.MULTILINE)) for text in CODE.values()) == 1


def public(owner):
    return [name for name, one in vars(owner).items() if inspect.isfunction(one) and not name.startswith("_")]


OFFERED = [(ExperienceMemory, name) for name in public(ExperienceMemory)]
OFFERED += [(outbox, name) for name in public(outbox) if vars(outbox)[name].__module__ == outbox.__name__]


@pytest.mark.parametrize("owner, name", OFFERED, ids=lambda one: getattr(one, "__name__", one))
def test_a_door_of_the_memory_is_used_by_more_than_tests(owner, name, read):
    home = Path(inspect.getfile(owner)).resolve()
    itself = r"\bself\." if inspect.isclass(owner) else r"(?<!def )(?<![.\w])"  # a call of another's is none of its own
    at_home = re.search(rf"{itself}{name}\(", CODE[home])
    assert at_home or any(name in names for path, names in read.items() if path != home)


@pytest.mark.parametrize("name", [*TimeframeView.model_fields, *MarketSnapshot.model_fields])
def test_what_a_snapshot_holds_is_read(name, read):
    assert any(name in names for names in read.values())


def test_no_state_is_made_up_to_ask_for_a_safe_signal():
    assert not [path for path, text in CODE.items() if "CandleState(snapshot=" in text]


def test_only_the_signal_itself_compares_names_of_actions():
    knows = ROOT / "graph" / "schema" / "signal.py"
    asks = {path.name for path, text in CODE.items() if re.search(r"\.action (==|!=|in|not in) ", text)}
    assert asks == {knows.name}


def test_only_their_declarations_and_the_models_of_our_own_name_the_signal_functions():
    named = {path.name for path, text in CODE.items() if re.search(r"\"(signal_\w+|adjust_position)\"", text)}
    assert named == {"signals.py", "policy.py", "foils.py"}

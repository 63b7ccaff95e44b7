"""`make check` refuses a crowded folder, a module too small for a thing of its own, and one that no wheel contains."""

import importlib.util
from pathlib import Path

import pytest

import candlegraph.graph.schema.errors

ROOT = Path(candlegraph.graph.schema.errors.__file__).parents[2]


@pytest.fixture
def rooms(tmp_path, monkeypatch):
    """Return the script, looking at a house with one listed folder and nothing in it."""
    spec = importlib.util.spec_from_file_location("rooms", ROOT / ".ci" / "rooms.py")
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    monkeypatch.setattr(module, "ROOT", tmp_path)
    monkeypatch.setattr(module, "THINGS", {})
    (tmp_path / "pyproject.toml").write_text('[tool.setuptools]\npackages = ["candlegraph.graph"]\n')
    put(tmp_path / "graph", 15)
    return module


def put(folder, modules, lines=30):
    folder.mkdir(parents=True)
    (folder / "__init__.py").touch()
    for number in range(modules):
        (folder / f"m{number}.py").write_text("pass\n" * lines)


def test_a_house_in_order_passes_and_shows_its_largest_folder(rooms, capsys):
    assert rooms.main() == 0
    assert "largest folder: graph 15" in capsys.readouterr().out


@pytest.mark.parametrize(
    "folder, modules, lines, said",
    [
        ("graph/more", 16, 30, "graph/more: 16 modules, at most 15"),
        ("graph/more", 1, 29, "graph/more/m0.py: 29 lines, at least 30"),
        ("memory/new", 1, 30, "memory/new: not in [tool.setuptools] packages"),
    ],
)
def test_what_is_out_of_order_is_named(rooms, tmp_path, capsys, folder, modules, lines, said):
    put(tmp_path / folder, modules, lines)
    assert rooms.main() == 1
    assert said in capsys.readouterr().out


def test_a_name_among_the_small_ones_that_is_gone_is_named(rooms, capsys, monkeypatch):
    monkeypatch.setattr(rooms, "THINGS", {"graph/gone.py": "was one"})
    assert rooms.main() == 1
    assert "graph/gone.py: named in .ci/rooms.py as small, and is gone" in capsys.readouterr().out

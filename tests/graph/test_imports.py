"""Importing touches nothing, and needs no freqtrade."""

import subprocess
import sys
from pathlib import Path

import pytest

import candlegraph.graph.schema.errors

ROOT = Path(candlegraph.graph.schema.errors.__file__).parents[2]
MODULES = sorted(
    ".".join(("candlegraph", *path.relative_to(ROOT).with_suffix("").parts)).removesuffix(".__init__")
    for package in ("graph", "agents", "tools", "memory")
    for path in (ROOT / package).rglob("*.py")
)

# Third-party imports come first, since they may open what they like; then ours once more, watched.
WATCHED = """
import importlib, os, sys
modules = sys.argv[1:]
for name in modules:
    importlib.import_module(name)
for name in [name for name in sys.modules if name.startswith("candlegraph")]:
    del sys.modules[name]
seen = []
def watch(event, args):
    if event == "open" and not str(args[0]).endswith((".py", ".pyc", ".so")) and not (".pyc." in str(args[0])):
        seen.append(f"open {args[0]}")
    elif event.startswith(("socket.", "sqlite3.", "subprocess.", "os.mkdir", "os.system")):
        seen.append(f"{event} {args}")
sys.addaudithook(watch)
real = os._Environ.__getitem__
def read(self, key):
    if "KEY" in key or "TOKEN" in key or key.startswith(("CANDLEGRAPH", "OPENAI")):
        seen.append(f"environment {key}")
    return real(self, key)
os._Environ.__getitem__ = read
for name in modules:
    importlib.import_module(name)
%s
if "freqtrade" in sys.modules:
    seen.append("freqtrade was imported")
print("\\n".join(seen))
"""


def fresh(code, *arguments, cwd):
    done = subprocess.run(
        [sys.executable, "-c", code, *arguments], capture_output=True, text=True, timeout=120, cwd=cwd
    )
    assert done.returncode == 0, done.stderr
    return done.stdout.strip()


def test_importing_opens_no_file_and_no_socket_reads_no_key_and_needs_no_freqtrade(tmp_path):
    assert len(MODULES) > 30 and "candlegraph.graph.builder" in MODULES
    assert fresh(WATCHED % "", *MODULES, cwd=tmp_path) == ""
    assert list(tmp_path.iterdir()) == []


@pytest.mark.parametrize(
    "deed, noticed",
    [
        ("open('x.txt', 'w').close()", "open x.txt"),
        ("import socket; socket.socket().close()", "socket.__new__"),
        ("os.environ.get('OPENAI_API_KEY')", "environment OPENAI_API_KEY"),
        ("import sqlite3; sqlite3.connect(':memory:').close()", "sqlite3.connect"),
        ("import freqtrade", "freqtrade was imported"),
    ],
)
def test_the_watch_on_imports_notices(tmp_path, deed, noticed):
    assert noticed in fresh(WATCHED % deed, "candlegraph.graph.schema.errors", cwd=tmp_path)

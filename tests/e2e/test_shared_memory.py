"""A backtest whose memory is a Postgres: what it leaves there, in its own folder, and on the screen."""

import zipfile

from rich.console import Console

from candlegraph.freqtrade_bridge.commands.backtest import memory_of, report
from candlegraph.freqtrade_bridge.loopback.backtest import BacktestOrder, run_backtest
from candlegraph.graph.settings.places import BACKTEST, DATABASE
from candlegraph.memory.books.ledger import Ledger
from candlegraph.memory.store import close_memory, open_memory

PASSWORD = "hunter2-planted"


def test_a_backtest_remembers_in_the_server_says_so_and_keeps_the_password_out_of_every_file(
    database_url, sample, tmp_path, monkeypatch
):
    secret = database_url.replace("candlegraph@", f"candlegraph:{PASSWORD}@")
    monkeypatch.setenv("FREQTRADE__EXPERIENCE_CONFIG__RAG_CONFIG__DATABASE_URL", secret)
    order = BacktestOrder(sample.datadir, tmp_path, sample.pairs[:1], "20251010-20251012")
    run = run_backtest(order, offline=True)
    console = Console(record=True, width=200)
    report(order, run, console, is_sample=False)
    database = tmp_path / DATABASE
    (namespace,) = Ledger(database).namespaces()
    assert namespace == run.namespace and namespace.startswith(BACKTEST)
    learnt = open_memory(database, memory_of(order)).stats(namespace)["by_kind"]["trade"]
    assert learnt > 0
    (line,) = [line for line in console.export_text().splitlines() if "remembered" in line]
    assert f"trade {learnt}" in line
    close_memory(database)
    monkeypatch.delenv("FREQTRADE__EXPERIENCE_CONFIG__RAG_CONFIG__DATABASE_URL")
    assert open_memory(database, memory_of(order)).namespaces() == ()
    close_memory(database)
    assert {name for name, content in files_below(tmp_path) if PASSWORD.encode() in content} == set()
    assert any("config" in name for name, _ in files_below(tmp_path)), "freqtrade's archive holds its configuration"


def files_below(folder):
    """Yield name and content of every file, and of what the archives hold."""
    for file in folder.rglob("*"):
        if file.suffix == ".zip":
            with zipfile.ZipFile(file) as archive:
                yield from ((name, archive.read(name)) for name in archive.namelist())
        elif file.is_file():
            yield file.name, file.read_bytes()

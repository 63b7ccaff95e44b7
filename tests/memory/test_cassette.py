"""The cassette: what is kept first stays, whoever writes; a file that is none is refused."""

import multiprocessing
import sqlite3
import threading

import pytest

from candlegraph.agents.models.cassette import Cassette, KeptAnswer, Take
from candlegraph.graph.schema.calls import Try
from candlegraph.graph.schema.errors import CassetteError

PARTS = {"params": "a", "prompt_version": "b", "system": "c", "messages": "d", "tools": "e"}


def take(key="k", content="first", **changes):
    known = {"key": key, "pair": "P", "candle": "c", "role": "decision", "turn": 0, "components": PARTS}
    answer = KeptAnswer(content=content, model="m", seconds=0.25, tries=(Try(model="x", error="e", seconds=1.5),))
    return Take(**known | {"answer": answer} | changes)


@pytest.fixture
def path(tmp_path):
    return tmp_path / "rag" / "cassette.sqlite"


def test_what_was_kept_is_found_by_its_key_also_after_a_restart(path):
    Cassette(path).keep(take())
    assert Cassette(path, must_exist=True).get("k") == take().answer
    assert Cassette(path).get("other") is None


def test_the_first_answer_stays_and_the_second_writer_is_given_it(path):
    one, two = Cassette(path), Cassette(path)
    one.keep(take(content="first"))
    assert two.keep(take(content="second")).content == "first"
    assert one.get("k").content == "first"


def keep_from_another_process(path, number, results):
    cassette = Cassette(path)
    results.put([cassette.keep(take(key=f"k{n}", content=f"of {number}")).content for n in range(40)])


def test_two_processes_that_keep_the_same_keys_at_once_go_on_with_the_same_answers(path):
    fork = multiprocessing.get_context("fork")
    results = fork.Queue()
    writers = [fork.Process(target=keep_from_another_process, args=(path, n, results)) for n in range(2)]
    for one in writers:
        one.start()
    first, second = results.get(timeout=30), results.get(timeout=30)
    for one in writers:
        one.join(30)
    assert first == second
    stored = Cassette(path)
    assert [stored.get(f"k{n}").content for n in range(40)] == first


def test_twenty_threads_may_keep_at_once(path):
    cassette, told = Cassette(path), []
    threads = [
        threading.Thread(target=lambda n=n: told.append(cassette.keep(take(content=str(n))).content)) for n in range(20)
    ]
    for one in threads:
        one.start()
    for one in threads:
        one.join()
    assert len(told) == 20 and len(set(told)) == 1


def test_what_was_asked_at_a_candle_is_known_for_messages(path):
    cassette = Cassette(path)
    cassette.keep(take())
    assert cassette.components_at("P", "c", "decision", 0) == PARTS
    for elsewhere in (
        ("Q", "c", "decision", 0),
        ("P", "d", "decision", 0),
        ("P", "c", "bull", 0),
        ("P", "c", "decision", 1),
    ):
        assert cassette.components_at(*elsewhere) is None


def test_a_missing_file_says_how_to_record_one(path):
    with pytest.raises(CassetteError, match=r"no cassette .*cassette.sqlite: record one first, with llm_config.mode"):
        Cassette(path, must_exist=True)
    assert not path.exists()


def foreign(path):
    with sqlite3.connect(path) as connection:
        connection.execute("create table other (a)")
    connection.close()


def newer(path):
    Cassette(path).close()
    with sqlite3.connect(path) as connection:
        connection.execute("pragma user_version = 99")
    connection.close()


def garbage(path):
    path.write_bytes(b"SQLite format 3\0" + bytes(range(256)) * 40)


@pytest.mark.parametrize("spoil", [foreign, newer, garbage])
def test_a_file_that_is_no_cassette_of_ours_is_refused_and_left_alone(spoil, path):
    path.parent.mkdir()
    spoil(path)
    before = path.read_bytes()
    with pytest.raises(CassetteError, match=r"cassette\.sqlite"):
        Cassette(path)
    assert path.read_bytes() == before

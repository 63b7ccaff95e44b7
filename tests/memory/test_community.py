import json
from importlib.util import find_spec

import pytest

from candlegraph.graph.schema.errors import ConfigError, MemoryStoreError
from candlegraph.memory.store import open_memory
from candlegraph.memory.transfer.langchain import community_faiss

SPACE = "test-1"
IS_THERE = find_spec("langchain_community") is not None
WITH_EXTRA = pytest.mark.skipif(not IS_THERE, reason="the extra `community` is not installed")
WITHOUT_EXTRA = pytest.mark.skipif(IS_THERE, reason="the extra `community` is installed")


@pytest.fixture
def later(make_trade):
    return make_trade(50).known_at


@pytest.fixture
def filled(memory, path, make_experience):
    for number in range(6):
        memory.add(make_experience(number))
    memory.add(make_experience(20, forced=True, situation=(1, 3, 0.5)))
    memory.add(make_experience(21, situation=None))
    memory.add(make_experience(22, space="another"))
    memory.add(make_experience(23, namespace="live"))
    return path


@WITH_EXTRA
class TestWithTheExtra:
    def test_it_finds_what_our_own_search_finds(self, filled, memory, later):
        store = community_faiss(open_memory(filled), "backtest:a", SPACE, as_of=later)
        found = store.similarity_search(json.dumps([1, 3, 0.5]), k=3)
        ours = memory.recall((1, 3, 0.5), SPACE, as_of=later, namespaces=("backtest:a",), k=3, threshold=0)
        assert [one.metadata["key"] for one in found] == [memory.get(case.id).key for case in ours]
        assert found[0].page_content == memory.get(ours[0].id).text
        assert found[0].metadata["profit_pct"] == 4

    def test_only_what_was_known_and_can_be_compared_is_exported(self, filled, make_trade):
        store = community_faiss(open_memory(filled), "backtest:a", SPACE, as_of=make_trade(4).known_at)
        found = store.similarity_search(json.dumps([1, 3, 0.5]), k=50)
        assert {one.metadata["key"] for one in found} == {"0", "1", "2", "3"}


def test_a_space_without_experiences_is_named(filled, later):
    with pytest.raises(MemoryStoreError, match="knew nothing in the space 'nowhere'"):
        community_faiss(open_memory(filled), "backtest:a", "nowhere", as_of=later)


@WITHOUT_EXTRA
def test_without_the_extra_the_error_says_what_to_install(filled, later):
    with pytest.raises(ConfigError, match=r"pip install 'candlegraph\[community\]'"):
        community_faiss(open_memory(filled), "backtest:a", SPACE, as_of=later)

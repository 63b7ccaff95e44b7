import ast
import asyncio
import json
from pathlib import Path

import pytest
from langchain_core.runnables import RunnableLambda
from pydantic import ValidationError

import candlegraph.memory
from candlegraph.graph.schema.errors import MemoryStoreError
from candlegraph.memory.transfer.langchain import ExperienceRetriever

QUERY = json.dumps([1, 3, 0.5])
PICKLES = {"pickle", "cPickle", "_pickle", "dill", "cloudpickle", "joblib", "shelve", "marshal"}
PROCESSES = {"Parallel", "delayed"}
"""Of joblib, which hands them what this program made; its `load` reads what anybody may have written."""


@pytest.fixture
def filled(memory, make_experience):
    for number in range(8):
        memory.add(make_experience(number))
    memory.add(make_experience(3, namespace="live"))
    return memory


@pytest.fixture
def retriever(filled, make_trade):
    def built(hour=50, **changes):
        facts = {"memory": filled, "namespaces": ("backtest:a",), "space": "test-1", "k": 3, "threshold": 0}
        return ExperienceRetriever(**(facts | {"as_of": make_trade(hour).known_at} | changes))

    return built


def test_documents_are_the_memorys_cases_in_words_and_facts(filled, retriever, make_trade):
    cases = filled.recall(
        (1, 3, 0.5), "test-1", as_of=make_trade(50).known_at, namespaces=("backtest:a",), k=3, threshold=0
    )
    documents = retriever().invoke(QUERY)
    assert [(one.metadata["id"], one.metadata["similarity"]) for one in documents] == [
        (case.id, case.similarity) for case in cases
    ]
    assert documents[0].page_content == filled.get(cases[0].id).text
    facts = documents[0].metadata
    assert (facts["pair"], facts["profit_pct"], facts["namespace"]) == ("BTC/USDT:USDT", 4, "backtest:a")
    assert json.loads(json.dumps(facts)) == facts


def test_nothing_known_at_or_after_its_moment_is_found(retriever, make_trade):
    at = make_trade(4).known_at
    found = retriever(as_of=at, k=50).invoke(QUERY)
    assert {one.metadata["key"] for one in found} == {"0", "1", "2", "3"}


def test_a_future_that_changes_changes_nothing(filled, retriever, make_experience):
    before = retriever(hour=4, k=50).invoke(QUERY)
    for number in range(60, 70):
        filled.add(make_experience(number, situation=(1, 3, 0.5)))
    assert retriever(hour=4, k=50).invoke(QUERY) == before


def test_its_limits_hold(retriever):
    assert [one.metadata["key"] for one in retriever(k=1).invoke(QUERY)] == ["3"]
    assert {one.metadata["key"] for one in retriever(k=50, threshold=0.999).invoke(QUERY)} == {"3"}
    assert retriever(space="another").invoke(QUERY) == []
    assert len(retriever(k=50, namespaces=("backtest:a", "live")).invoke(QUERY)) == 9


@pytest.mark.parametrize("missing", ["as_of", "namespaces", "space", "memory"])
def test_it_must_be_told_moment_namespaces_and_space(retriever, missing):
    facts = {name: value for name, value in dict(retriever()).items() if name != missing}
    with pytest.raises(ValidationError, match=missing):
        ExperienceRetriever(**facts)


@pytest.mark.parametrize("query", ["what is a trend?", "[1, NaN]", '["x"]', "3", ""])
def test_a_query_that_is_no_situation_is_named(retriever, query):
    with pytest.raises(MemoryStoreError, match="expected a situation, a JSON list of finite numbers"):
        retriever().invoke(query)


def test_it_is_a_link_of_a_chain(retriever):
    chain = RunnableLambda(json.dumps) | retriever() | RunnableLambda(len)
    assert chain.invoke([1, 3, 0.5]) == 3
    assert asyncio.run(chain.ainvoke([1, 3, 0.5])) == 3


def test_no_module_of_ours_loads_a_pickle():
    root = Path(candlegraph.memory.__file__).parent.parent
    packages = ("graph", "agents", "tools", "memory", "freqtrade_bridge")
    files = [file for package in packages for file in (root / package).rglob("*.py")]
    assert len(files) > 60
    for file in files:
        text = file.read_text(encoding="utf-8")
        for node in ast.walk(ast.parse(text)):
            names = [one.name for one in node.names] if isinstance(node, ast.Import) else []
            if isinstance(node, ast.ImportFrom) and not {one.name for one in node.names} <= PROCESSES:
                names.append(node.module or "")
            assert not PICKLES & {name.split(".")[0] for name in names}, file
        assert "load_local" not in text and "allow_pickle=True" not in text, file

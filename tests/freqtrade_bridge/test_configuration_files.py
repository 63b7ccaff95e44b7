"""Our quick reader against freqtrade's own loader, and what it says about a file that cannot be read."""

import json

import pytest
from freqtrade.configuration.environment_vars import environment_vars_to_dict
from freqtrade.configuration.load_config import load_from_files
from freqtrade.misc import deep_merge_dicts

from candlegraph.freqtrade_bridge.host.configuration_files import environment, read_files
from candlegraph.graph.schema.errors import ConfigError

VARIABLES = {
    "FREQTRADE__RISK_MANAGEMENT__MAX_LEVERAGE": "7",
    "FREQTRADE__LLM_CONFIG__TEMPERATURE": "0.5",
    "FREQTRADE__LLM_CONFIG__MODEL": "gpt x",
    "FREQTRADE__EXPERIENCE_CONFIG__USE_EXPERIENCE": "False",
    "FREQTRADE__EXPERIENCE_CONFIG__LOG_TRADES": "t",
    "FREQTRADE__CONTEXT_CONFIG__TIMEFRAMES": '["1h", "4h"]',
    "FREQTRADE__LLM_CONFIG__OPTIONS": '{"a": 1}',
    "FREQTRADE__EXCHANGE__CCXT_CONFIG__apiKey": "x1",
    "FREQTRADE__EXCHANGE__PASSWORD": "12345",
    "FREQTRADE__TELEGRAM__CHAT_ID": "12345",
    "FREQTRADE__TELEGRAM__TOKEN": "1e3",
    "FREQTRADE_OTHER": "no",
}


@pytest.fixture
def files(tmp_path):
    """Return two files; the first includes a third from a folder below."""
    (tmp_path / "sub").mkdir()
    contents = {
        "sub/c.json": '{"timeframe": "1h", "exchange": {"name": "c", "key": "k"}, "z": null}',
        "a.json": '{"add_config_files": ["sub/c.json"], // why\n "exchange": {"name": "a"}, "list": [1, 2,],'
        ' "x": {"y": 1}}',
        "b.json": '{/* more */ "list": [3], "x": {"y": null, "w": {}}, "risk_management": {"max_leverage": 3}}',
    }
    for name, text in contents.items():
        (tmp_path / name).write_text(text)
    return [tmp_path / "a.json", tmp_path / "b.json"]


@pytest.mark.parametrize("variables", [{}, VARIABLES])
def test_it_reads_what_freqtrade_reads(files, variables, monkeypatch):
    for name, value in variables.items():
        monkeypatch.setenv(name, value)
    theirs = deep_merge_dicts(environment_vars_to_dict(), load_from_files([str(file) for file in files]))
    del theirs["config_files"]
    assert read_files(files).merged == theirs


@pytest.mark.parametrize("name", VARIABLES)
def test_each_variable_is_read_as_freqtrade_reads_it(name, monkeypatch):
    monkeypatch.setenv(name, VARIABLES[name])
    assert environment({name: VARIABLES[name]}) == environment_vars_to_dict()


def test_a_key_is_named_by_what_said_it_last(files, monkeypatch):
    monkeypatch.setenv("FREQTRADE__LLM_CONFIG__MODEL", "x")
    read = read_files(files, {"llm_config": {"depth": "fast"}})
    a, b = map(str, files)
    assert read.place(("list",)) == b
    assert read.place(("exchange", "name")) == a
    assert read.place(("exchange", "key")).endswith("sub/c.json")
    assert read.place(("llm_config", "depth")) == "the command line"
    assert read.place(("llm_config", "model")) == "FREQTRADE__LLM_CONFIG__MODEL"
    assert read.place(("nowhere",)) == "config"


@pytest.mark.parametrize(
    ("content", "said"),
    [
        (None, "there is no such file"),
        (b'{"a": 1,\n "b" 2}', "line 2, column 6: Missing a colon"),
        (b"", "line 1, column 1: The document is empty"),
        (b"[1]", "expected an object in braces, was list"),
        (b"\xef\xbb\xbf{}", "byte order mark"),
        (b'{"a": "\xff"}', "expected UTF-8, was byte 0xff"),
        (b'{"add_config_files": "x.json"}', "expected a list of files"),
        (b'{"add_config_files": ["bad.json"]}', "name each other in a circle"),
    ],
)
def test_a_file_that_cannot_be_read_is_named_with_the_place(tmp_path, content, said):
    file = tmp_path / "bad.json"
    if content is not None:
        file.write_bytes(content)
    with pytest.raises(ConfigError) as caught:
        read_files([file])
    assert str(caught.value).startswith(str(tmp_path)) and said in str(caught.value)


def test_a_folder_is_no_configuration(tmp_path):
    with pytest.raises(ConfigError, match="Is a directory"):
        read_files([tmp_path])


def test_files_are_json(tmp_path):
    file = tmp_path / "c.json"
    file.write_text(json.dumps({"a": {"b": 1}}))
    assert read_files([file]).merged["a"] == {"b": 1}

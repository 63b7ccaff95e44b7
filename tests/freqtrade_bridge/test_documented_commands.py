"""Every command line that the documents show is one that the parser takes, or stands in a list that says who runs it.

What the parser takes is run, option by option, by `test_every_option.py`.
"""

import re
import shlex
from pathlib import Path

import pytest

from candlegraph.freqtrade_bridge.commands.parser import parser

ROOT = Path(__file__).parents[2]
PAGES = [*ROOT.glob("README*.md"), ROOT / "CONTRIBUTING.md", *(ROOT / "docs").rglob("*.md")]
BLOCK = re.compile(r"^```sh\n(.*?)^```", re.MULTILINE | re.DOTALL)
INDENTED = re.compile(r"^ {4}((?:candlegraph|python|make) .+)$", re.MULTILINE)
INLINE = re.compile(r"`(candlegraph [^`\n]+)`")
BEFORE = re.compile(r"^(?:docker compose exec candlegraph )?(?:\S+/)?(?=candlegraph )")
FORM = re.compile(r"[\[\]…|]|\bCOMMAND\b")
"""What is no command line but the form of one."""
STANDS_FOR = {"TIME": "2025-06-12T09:30", "N": "5"}
MENTIONED = ("the following arguments are required", "expected one argument")
"""What a command is short of that a sentence only names."""

NETWORK, ENGINE, PERSON = "needs a network", "needs a container engine", "runs until a person ends it"
OTHERS = {
    "pip install": NETWORK,
    "freqtrade download-data": NETWORK,
    "freqtrade backtesting": "e2e/test_two_forms.py",
    "freqtrade trade": "e2e/test_dry_run.py",
    "jupyter lab": "e2e/test_notebook.py",
    "docker compose": ENGINE,
    'STRATEGIES="$(python -c': "freqtrade_bridge/test_documented_commands.py",
    "export FREQTRADE__RISK_MANAGEMENT__MAX_LEVERAGE": "freqtrade_bridge/test_check.py",
    "export FREQTRADE__EXPERIENCE_CONFIG__RAG_CONFIG__DATABASE_URL": "e2e/test_shared_memory.py",
    "python -m tests.simulator": "simulator/test_seeds.py",
    "make soak": PERSON,
    ". .venv/bin/activate": "Makefile",
    "make": "Makefile",
}
"""Who runs what is no command of ours: a test, a file of the project, or nobody, and why."""


def lines_in_blocks(page):
    """Yield the command lines of a page's blocks, without their remarks."""
    for block in BLOCK.findall(page):
        for line in block.replace("\\\n", " ").splitlines():
            if told := re.sub(r"(^|\s)#.*", "", line).strip():
                yield BEFORE.sub("", told)


def lines_in_text(page):
    """Yield the command lines that stand in sentences and tables, and those that are set in."""
    for line in (*INDENTED.findall(page), *INLINE.findall(page)):
        if not FORM.search(line):
            yield BEFORE.sub("", re.sub(r"\s#.*", "", line).strip())


TEXTS = [page.read_text(encoding="utf-8") for page in PAGES]
SHOWN = sorted({line for text in TEXTS for line in lines_in_blocks(text)})
NAMED = sorted({line for text in TEXTS for line in lines_in_text(text)} - set(SHOWN))
LINES = [*SHOWN, *NAMED]


@pytest.fixture(scope="module")
def refusal_of():
    """Return a function that says what the parser has against a command line, '' for nothing."""
    whole = parser()

    def asked(line, capsys):
        try:
            whole.parse_args([STANDS_FOR.get(word, word) for word in shlex.split(line)[1:]])
        except SystemExit as e:
            return capsys.readouterr().err if e.code else ""
        return ""

    return asked


def test_each_command_line_of_ours_is_one_that_the_parser_takes(refusal_of, capsys):
    ours = [line for line in LINES if line.startswith("candlegraph ")]
    said = {line: refusal_of(line, capsys).strip().splitlines()[-1:] for line in ours}
    wrong = {
        line: told
        for line, told in said.items()
        if told and not (line in NAMED and any(one in told[0] for one in MENTIONED))
    }
    assert len(ours) > 80
    assert wrong == {}


def test_each_other_command_line_says_who_runs_it():
    others = [line for line in LINES if not line.startswith("candlegraph ")]
    assert [line for line in others if not any(line.startswith(one) for one in OTHERS)] == []
    assert [one for one in OTHERS if not any(line.startswith(one) for line in others)] == []
    targets = re.findall(r"^([\w-]+):.*##", (ROOT / "Makefile").read_text(), re.MULTILINE)
    assert {line.split()[1] for line in others if line.startswith("make ")} <= set(targets)


@pytest.mark.parametrize("place", sorted(set(OTHERS.values()) - {NETWORK, ENGINE, PERSON}))
def test_the_test_that_runs_it_is_there(place):
    assert (ROOT / "tests" / place).exists() or (ROOT / place).exists()


def test_the_line_that_finds_the_strategy_finds_it():
    code = next(line for line in SHOWN if line.startswith("STRATEGIES=")).split('"')[2]
    told = []
    exec(code, {"print": told.append})
    assert (Path(told[0]) / "strategies" / "CandleGraphStrategy.py").is_file()

"""The documents against the code and against each other: keys, commands, links, both languages, no machine's paths."""

import importlib.util
import json
import re
from pathlib import Path

import pytest
import rapidjson

from candlegraph.agents.asking.transcript import ALL_TOOLS
from candlegraph.agents.critic import ReviewEntry, entry_text
from candlegraph.agents.debate import MakeCase, StateView
from candlegraph.agents.models.policy import policy_calls
from candlegraph.agents.prompt.briefing import fixed_of
from candlegraph.agents.prompt.budget import block_of, wide_facts
from candlegraph.agents.prompt.files import prompt_text, prompt_version
from candlegraph.agents.prompt.opinions import opinions_text
from candlegraph.agents.prompt.phrases import WORDS
from candlegraph.graph.schema.calls import CallRecord
from candlegraph.graph.schema.opinions import AnalystView, Argument
from candlegraph.graph.schema.signal import TradeSignal
from candlegraph.graph.settings.context import ContextConfig
from candlegraph.graph.settings.risk import Block
from candlegraph.graph.settings.settings import Settings, settings_of
from candlegraph.graph.state import CandleState
from candlegraph.tools.memory import MEMORY_TOOLS
from candlegraph.tools.signals import FLAT_TOOLS, POSITION_TOOLS

ROOT = Path(__file__).parents[2]
README, READ_ME = ROOT / "README.md", ROOT / "README.zh-CN.md"
PAGES = [README, READ_ME, ROOT / "CONTRIBUTING.md", *sorted((ROOT / "docs").rglob("*.md"))]
TRANSLATED = [(README, READ_ME), *((ROOT / "docs" / one.name, one) for one in sorted((ROOT / "docs/zh").glob("*.md")))]
FILES = [*PAGES, *(ROOT / name for name in ("config.example.json", "Dockerfile", "compose.yaml"))]
ROW = re.compile(
    r"^\| `((?:(?:llm|experience|risk|context)_\w+|monitoring|tracing)\.[\w.]+)` \| (.+?) \| `(.*?)` \| (.+) \|$",
    re.MULTILINE,
)
LINK = re.compile(r"\]\(([^)#\s]*)(?:#([^)\s]+))?\)")


def keys_of(block, prefix=""):
    """Return every key below `block` with its default."""
    found = {}
    for name in type(block).model_fields:
        value = getattr(block, name)
        inner = keys_of(value, f"{prefix}{name}.") if isinstance(value, Block) else {f"{prefix}{name}": value}
        found |= inner
    return found


def anchors_of(page):
    """Return the anchors that a page's headings give on GitHub."""
    headings = re.findall(r"^#+ (.+)$", page.read_text(encoding="utf-8"), re.MULTILINE)
    return {re.sub(r"[^\w\- ]", "", heading.lower()).replace(" ", "-") for heading in headings}


def test_every_key_is_documented_once_with_its_true_default_and_none_is_invented():
    rows = ROW.findall((ROOT / "docs/configuration.md").read_text(encoding="utf-8"))
    documented = {key: json.loads(default) for key, _, default, _ in rows}
    assert len(rows) == len(documented)
    assert documented == json.loads(json.dumps(keys_of(Settings())))


@pytest.fixture(scope="module")
def tables():
    """Return the script that writes tables from the code."""
    spec = importlib.util.spec_from_file_location("tables", ROOT / "docs/tables.py")
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


@pytest.mark.parametrize("name", ["configuration.md", "commands.md"])
def test_the_tables_of_a_page_are_those_of_the_code(name, tables):
    page = (ROOT / "docs" / name).read_text(encoding="utf-8")
    assert tables.PAGES[name](page) == page, f"docs/{name} is not in step: run `make docs`"


def test_the_readme_is_read_in_one_go():
    for page in (README, READ_ME):
        assert len(page.read_text(encoding="utf-8").splitlines()) <= 200


def test_the_python_of_the_readme_is_that_of_the_page_whose_examples_run():
    blocks = re.compile(r"^```python\n(.*?)^```", re.MULTILINE | re.DOTALL)
    shown = blocks.findall(README.read_text(encoding="utf-8"))
    assert shown and set(shown) <= set(blocks.findall((ROOT / "docs/python.md").read_text(encoding="utf-8")))


@pytest.mark.parametrize("english, chinese", TRANSLATED, ids=lambda page: page.name)
def test_both_languages_have_the_same_headings_commands_and_tables(english, chinese):
    first, second = (shape_of(page.read_text(encoding="utf-8")) for page in (english, chinese))
    assert first == second


def shape_of(page):
    """Return what two languages of a page share: levels of headings, blocks, rows of tables.

    Of commands and JSON every word counts but the remarks, of other blocks only how many lines they have.
    """
    shape = []
    for kind, block, line in re.findall(r"^```(\w*)\n(.*?)^```$|^(#+ |\|)", page, re.MULTILINE | re.DOTALL):
        if line:
            shape.append(line)
        elif kind in ("sh", "json"):
            shape.append(re.sub(r"[ \t]+#.*", "", block))
        else:
            shape.append(len(block.splitlines()))
    return shape


@pytest.mark.parametrize("page", PAGES, ids=lambda page: page.name)
def test_links_lead_somewhere(page):
    for target, anchor in LINK.findall(page.read_text(encoding="utf-8")):
        if target.startswith("http"):
            continue
        path = page.parent / target if target else page
        assert path.exists(), f"{page.name}: {target}"
        assert not anchor or anchor in anchors_of(path), f"{page.name}: {target}#{anchor}"


def test_every_file_and_name_that_a_recipe_sends_one_to_is_there():
    text = (ROOT / "CONTRIBUTING.md").read_text(encoding="utf-8")
    files = set(re.findall(r"`([\w./-]+/[\w./-]*)`", text))
    assert len(files) > 40
    assert not sorted(name for name in files if not (ROOT / name).exists())
    code = "\n".join(path.read_text(encoding="utf-8") for name in files if (path := ROOT / name).suffix == ".py")
    names = set(re.findall(r"`(?:\w+\.)?([A-Z_a-z]\w{4,})(?:\([^`]*\))?`", text)) - {"signal_tighten_stop"}
    pages = "\n".join(page.read_text(encoding="utf-8") for page in (ROOT / "docs").glob("*.md"))
    assert not sorted(name for name in names if name not in code and name not in pages)


@pytest.mark.parametrize("file", FILES, ids=lambda file: file.name)
def test_no_path_of_a_machine_is_written_down(file):
    assert not re.search(r"(?<![\w.])/(?:work|root|tmp)\b", file.read_text(encoding="utf-8"))


def test_the_example_configuration_is_valid_and_starts_without_a_key():
    config = rapidjson.loads(
        (ROOT / "config.example.json").read_text(), parse_mode=rapidjson.PM_COMMENTS | rapidjson.PM_TRAILING_COMMAS
    )
    assert set(Settings.model_fields) <= set(config)
    settings = settings_of(config)
    assert settings.llm_config.api_key is None and settings.llm_config.model == "policy"
    assert config["timeframe"] == settings.context_config.timeframes[0]
    assert config["max_open_trades"] == settings.risk_management.max_open_trades


def test_the_prompt_page_shows_the_present_prompt():
    page = (ROOT / "docs" / "prompt.md").read_text(encoding="utf-8")
    assert prompt_text("decision").strip() in page
    assert prompt_version("decision") in page and prompt_version("decision", "zh") in page


@pytest.mark.parametrize("role", ["analyst", "bull", "bear", "reviewer"])
def test_the_prompt_page_shows_the_prompt_of_every_role(role):
    page = (ROOT / "docs" / "prompt.md").read_text(encoding="utf-8")
    assert prompt_text(role).strip() in page
    assert f"version `{prompt_version(role)}` (Chinese `{prompt_version(role, 'zh')}`)" in page


def test_the_prompt_page_shows_what_the_offline_rule_says_in_every_role():
    page = (ROOT / "docs" / "prompt.md").read_text(encoding="utf-8")
    signal = TradeSignal.model_validate_json(example(page, "What the reviewer made of it:"))
    ((name, args),) = policy_calls(page, frozenset(one.name for one in FLAT_TOOLS))
    assert [(one["name"], one["args"]) for one in json.loads(example(page, "What the offline rule answered:"))] == [
        (name, args)
    ]
    assert example(page, "What the reviewer made of it:") == signal.model_dump_json(indent=1)
    call = CallRecord(role="bull", model="m")
    ((_, view),), ((_, case),) = (policy_calls(page, frozenset([one])) for one in ("StateView", "MakeCase"))
    argument = Argument(**case, call=call)
    state = CandleState(view=AnalystView(**view, call=call), bull=argument, bear=argument)
    assert example(page, "What the deciding model reads of them") == opinions_text(state, "en")
    assert example(page, "What the reviewing model reads of the entry:") == entry_text(signal)


def example(page, title):
    """Return the block of code that follows `title`."""
    return re.search(rf"{re.escape(title)}.*?```\w+\n(.*?)\n```", page, re.DOTALL).group(1)


def test_the_prompt_page_shows_what_a_model_reads_of_every_function():
    page = (ROOT / "docs" / "prompt.md").read_text(encoding="utf-8")
    told = {one.name: one.description for one in ALL_TOOLS}
    told |= {one.__name__: one.__doc__ for one in (StateView, MakeCase, ReviewEntry)}
    assert dict(re.findall(r"^\| `(\w+)` \| (.+) \|$", page, re.MULTILINE)) == told


@pytest.mark.parametrize("language", ["en", "zh"])
def test_the_prompt_page_names_what_four_timeframes_need(language):
    config = ContextConfig(language=language)
    facts = wide_facts(config.timeframes, in_position=True)
    tools = [*POSITION_TOOLS, *MEMORY_TOOLS]
    fixed = fixed_of(block_of(facts), tools, WORDS[language].titles, prompt_text("decision", language), config)
    assert f"{fixed.total:,}" in (ROOT / "docs" / "prompt.md").read_text(encoding="utf-8")


def test_a_comment_that_names_a_decision_names_a_page_that_is_there():
    code = [
        path
        for room in ("graph", "agents", "tools", "memory", "freqtrade_bridge")
        for path in (ROOT / room).rglob("*.py")
    ]
    named = {
        number for path in code for number in re.findall(r"docs/decisions/(\d+)", path.read_text(encoding="utf-8"))
    }
    there = {path.name[:2] for path in (ROOT / "docs/decisions").glob("[0-9]*.md")}
    assert named and named <= there


def test_the_list_of_decisions_names_every_page_newest_first():
    pages = sorted((path.name for path in (ROOT / "docs/decisions").glob("[0-9]*.md")), reverse=True)
    assert re.findall(r"\]\((.+?\.md)\)", (ROOT / "docs/decisions/README.md").read_text(encoding="utf-8")) == pages

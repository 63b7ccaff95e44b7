"""The report as its reader has it: in a browser, by mouse and keyboard, wide and narrow, light and dark."""

import os
import shutil
from dataclasses import replace
from pathlib import Path

import pytest
from reported import FRAMES

from candlegraph.freqtrade_bridge.report.comparison import write_comparison
from candlegraph.freqtrade_bridge.report.page import write_page

playwright = pytest.importorskip("playwright.sync_api", reason="playwright is not installed: pip install -e .[dev]")
BROWSERS = ("chromium", "chromium-browser", "google-chrome")
FLAGS = ("--no-sandbox", "--disable-gpu")
"""A test may run as root, and a GPU that is played in software now and then takes half a minute for a frame."""
LARGEST = 1_500_000
SLOWEST_MS = 60_000
"""To the first chart, where a dozen others want the processor too; the figure stands in the record of the test."""
PATIENCE_MS = 180_000
WIDE, NARROW, PICTURE_SIZE = ({"width": wide, "height": high} for wide, high in ((1280, 800), (390, 844), (1280, 910)))
PICTURE, PICTURED = os.environ.get("CANDLEGRAPH_PICTURE"), os.environ.get("CANDLEGRAPH_PICTURED")
"""`make picture` names the file to write, and the report of which to take it."""
NAMELESS = """() => [...document.querySelectorAll("a, button, input, select, [role=img], [role=group], [role=tablist]")]
  .filter(one => !(one.textContent.trim() || one.ariaLabel || one.title || one.labels?.length))
  .filter(one => !one.hidden).map(one => one.outerHTML)"""


@pytest.fixture(scope="module")
def browser():
    found = next(filter(None, map(shutil.which, BROWSERS)), None)
    if found is None:
        pytest.skip(f"no browser ({', '.join(BROWSERS)}): apt-get install chromium")
    with playwright.sync_playwright() as driver:
        chromium = driver.chromium.launch(executable_path=found, args=FLAGS)
        yield chromium
        chromium.close()


class Opening:
    """Opens pages; what goes wrong in one, or leaves it, is noted."""

    def __init__(self, browser):
        self.browser, self.wrong, self.contexts = browser, [], []

    def __call__(self, path, viewport=WIDE, place=""):
        self.contexts.append(self.browser.new_context(viewport=viewport, color_scheme="light"))
        page = self.contexts[-1].new_page()
        page.set_default_timeout(PATIENCE_MS)
        page.on("pageerror", lambda error: self.wrong.append(str(error)))
        page.on("console", lambda said: self.wrong.append(said.text) if said.type == "error" else None)
        page.on("request", lambda asked: None if asked.url.startswith("file:") else self.wrong.append(asked.url))
        page.goto(f"file://{path}{place}")
        page.wait_for_selector("html[data-ready]")
        return page

    def closed(self):
        for context in self.contexts:
            context.close()
        return self.wrong


@pytest.fixture
def opened(browser):
    opening = Opening(browser)
    yield opening
    assert opening.closed() == []


@pytest.fixture(scope="module")
def report(evidence, tmp_path_factory):
    return write_page(tmp_path_factory.mktemp("pages") / "run.html", evidence)


@pytest.fixture(scope="module")
def page(browser, report):
    """Return the page of the run of 5,000 decisions, which most tests share: they go to a place in it."""
    opening = Opening(browser)
    yield opening(report)
    assert opening.closed() == []


def story_at(page, place):
    """Go to a row and return its opened story."""
    page.evaluate("place => { location.hash = place; }", place)
    story = page.locator(f"{place}-story")
    story.wait_for()
    return story


def count(page):
    return page.locator("#decision-table tr.row").count()


def test_it_opens_small_and_soon_with_its_numbers_charts_and_tables(report, page, evidence, record_property):
    ms = page.evaluate("performance.getEntriesByName('first-chart')[0].startTime")
    record_property("report", f"{report.stat().st_size / 1e6:.2f} MB, first chart after {ms:.0f} ms")
    assert report.stat().st_size <= LARGEST
    assert ms < SLOWEST_MS
    assert "qwen3-32b lost" in page.inner_text("h1")
    assert page.locator(".tile").count() == 10
    assert page.locator("#equity-chart canvas").count() and page.locator("#pair-chart canvas").count()
    assert page.locator("#trade-table tr.row").count() == 25
    assert page.locator("#fates").inner_text().startswith("filled")
    assert "Reward, summed up: not profit (that is \u2212" in page.locator("#learning").inner_text()
    assert page.evaluate("report.decisions.length") == len(evidence.decisions)


def test_filters_leave_what_was_asked_for(page, evidence):
    acting = sum(row.acts for row in evidence.decisions)
    assert page.inner_text("#decision-count").startswith(f"{acting} of")
    page.get_by_label("Fate", exact=True).select_option("refused: slot")
    refused = sum(row.fate_door == "refused: slot" for row in evidence.decisions if row.acts)
    assert count(page) == refused > 0
    page.get_by_label("Pair", exact=True).select_option("ETH/USDT:USDT")
    assert 0 < count(page) < refused
    page.get_by_label("Fate", exact=True).select_option("")
    page.get_by_label("Pair", exact=True).select_option("")
    page.get_by_label("Text", exact=True).fill(evidence.decisions[700].signal.reason)
    assert count(page) == 1
    page.get_by_label("Text", exact=True).fill("")


def test_a_case_leads_to_its_trade_and_the_trade_back_to_its_decisions(page, evidence):
    index = max(i for i, row in enumerate(evidence.decisions) if row.fate and row.fate.is_filled)
    story = story_at(page, f"#decision-{index}")
    assert evidence.decisions[index].signal.reason in story.inner_text()
    link = story.locator("a.case").first
    trade = link.get_attribute("href")
    link.click()
    told = page.locator(f"{trade}-story")
    told.wait_for()
    assert page.locator(trade).get_attribute("aria-expanded") == "true"
    told.locator("a[href^='#decision-']").first.click()
    page.wait_for_function("location.hash.startsWith('#decision-')")
    back = page.evaluate("location.hash")
    page.locator(f"{back}-story").wait_for()
    assert page.locator(f"{back}-story a[href='{trade}']").count() >= 1
    page.go_back()
    page.wait_for_function(f"document.activeElement.id === '{trade[1:]}'")


def test_an_acting_decision_shows_word_for_word_what_the_model_was_told(page, evidence):
    key, messages = list(evidence.briefings.items())[-1]
    index = next(i for i, row in enumerate(evidence.decisions) if row.decision_id == key)
    story = story_at(page, f"#decision-{index}")
    story.get_by_text("What the model was told").click()
    told = story.locator("details.briefing pre")
    told.nth(1).wait_for()
    assert told.all_text_contents() == [text for _, text in messages]


def test_a_decision_without_its_briefing_has_all_its_facts(page, evidence):
    places = [i for i, row in enumerate(evidence.decisions) if row.decision_id in evidence.facts]
    for index in (places[0], places[len(places) // 2], places[-1]):
        facts = evidence.facts[evidence.decisions[index].decision_id]
        story = story_at(page, f"#decision-{index}")
        story.get_by_text("All facts that it was given").click()
        shown = {}
        for name, *values in table_of(story.locator(".facts-of")):
            shown |= {f"{frame}.{name}": value for frame, value in zip(FRAMES, values, strict=True)}
        frames = {name.replace("_", " "): value for name, value in facts.items() if name.partition(".")[0] in FRAMES}
        assert shown == frames
        others = story.locator("details.briefing dl").inner_text().split("\n")
        assert others[others.index("account equity") + 1] == facts["account.equity"]


def table_of(table):
    return [line.locator("td").all_inner_texts() for line in table.locator("tbody tr").all()]


def test_rows_and_tabs_are_worked_by_keys_alone(page):
    last = page.locator("#trade-table .opener").last
    last.focus()
    page.keyboard.press("Enter")
    story = page.locator(f"#{last.get_attribute('id')}-story")
    story.wait_for()
    assert last.get_attribute("aria-expanded") == "true"
    page.keyboard.press("Enter")
    assert story.count() == 0
    page.locator("#pair-tabs [aria-selected=true]").focus()
    before = page.evaluate("report.pairs.current.pair")
    page.keyboard.press("ArrowRight")
    assert page.evaluate("report.pairs.current.pair") != before
    page.locator("#equity-chart").focus()
    page.keyboard.press("+")
    assert page.evaluate(NAMELESS) == []


def test_a_reader_has_the_theme_of_the_system_until_the_button_says_otherwise(page):
    page.emulate_media(color_scheme="dark")
    paper = "getComputedStyle(document.body).backgroundColor"
    dark = page.evaluate(paper)
    page.click("#theme")
    light = page.evaluate(paper)
    assert (dark, light) == ("rgb(14, 17, 21)", "rgb(250, 250, 248)")
    page.click("#theme")
    assert page.evaluate(paper) == dark
    page.emulate_media(color_scheme="light")
    page.click("#theme")


def test_nothing_is_wider_than_a_phone_or_lost_on_paper(small, opened, tmp_path):
    page = opened(write_page(tmp_path / "run.html", small), viewport=NARROW, place="#decision-40")
    page.locator("#decision-40-story").wait_for()
    assert page.evaluate("document.documentElement.scrollWidth") == NARROW["width"]
    page.emulate_media(media="print")
    assert page.locator(".tiles").is_visible() and not page.locator("#filters").is_visible()


def test_a_chinese_run_has_a_chinese_report(small, opened, tmp_path):
    page = opened(write_page(tmp_path / "zh.html", replace(small, language="zh")), place="#trade-0")
    page.locator("#trade-0-story").wait_for()
    assert "持有不动" in page.inner_text("h1")
    assert page.locator("html").get_attribute("lang") == "zh-CN"
    known = "\n".join(page.locator("h2, h3, th, .tile dt, label, button:not(.opener)").all_inner_texts())
    english = [one for one in ("Trades", "Decision", "Pair", "Stop", "Drawdown", "more") if one in known]
    assert english == []


def test_two_runs_stand_side_by_side(small, opened, tmp_path):
    first, second = (small.result.model_copy(update={"profit_ratio": ratio}) for ratio in (-0.042, 0.5))
    runs = replace(small, result=first), replace(small, name="backtest:other", result=second)
    page = opened(write_comparison(tmp_path / "two.html", *runs))
    cells = page.locator("tr[data-key=return] td").all_inner_texts()
    assert cells[0].startswith("−4.20\u00a0%") and cells[1].startswith("+50.00\u00a0%") and cells[2] == "+54.20"
    assert page.locator("#equity-chart canvas").count()


def test_its_picture_is_small_enough_for_the_readme(page, opened, tmp_path):
    shown = opened(Path(PICTURED).resolve(), viewport=PICTURE_SIZE) if PICTURED else page
    shown.set_viewport_size(PICTURE_SIZE)
    shown.evaluate("scrollTo(0, 0)")
    picture = Path(PICTURE) if PICTURE else tmp_path / "report.png"
    shown.screenshot(path=picture)
    assert 20_000 < picture.stat().st_size <= 200_000

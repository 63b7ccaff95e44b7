"""The documentation as a site: it builds without a warning, opens from the disk, and loads nothing from elsewhere."""

import json
import re
import subprocess
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[2]
LOADED = re.compile(r"<(?:script|link|img|iframe|source)\b[^>]*?\b(?:src|href)=[\"']?((?:https?:)?//[^\"' >]+)")
STYLED = re.compile(r"url\([\"']?((?:https?:)?//[^)]+)\)|@import\s+[\"']((?:https?:)?//[^\"']+)")

pytestmark = pytest.mark.slow


@pytest.fixture(scope="module")
def site(tmp_path_factory):
    """Return the folder of the site, built strictly."""
    folder = tmp_path_factory.mktemp("site")
    words = [sys.executable, "-m", "mkdocs", "build", "--strict", "--quiet", "--site-dir", str(folder)]
    subprocess.run(words, cwd=ROOT, check=True, timeout=300)
    return folder


def test_no_page_loads_anything_from_elsewhere(site):
    pages, styles = list(site.rglob("*.html")), list(site.rglob("*.css"))
    loaded = {url for page in pages for url in LOADED.findall(page.read_text(encoding="utf-8"))}
    styled = {url for sheet in styles for url in STYLED.findall(sheet.read_text(encoding="utf-8"))}
    assert len(pages) > 40 and styles
    assert loaded | styled == set()


def test_the_search_opens_from_the_disk_and_knows_both_languages(site):
    page = (site / "faq.html").read_text(encoding="utf-8")
    assert 'src="assets/iframe-worker.js"' in page and (site / "assets/iframe-worker.js").is_file()
    index = (site / "search/search_index.js").read_text(encoding="utf-8").removeprefix("var __index = ")
    told = {one["location"]: one["title"] for one in json.loads(index)["docs"]}
    assert told["zh/faq.html"] == "常见问题" and told["faq.html"] == "FAQ"


def test_what_python_users_import_is_described(site):
    page = (site / "reference.html").read_text(encoding="utf-8")
    for name in ("open_context", "CandleInput", "TradeSignal", "Ledger", "ExperienceMemory", "settings_of"):
        assert f">{name}<" in page or name in re.findall(r'id="[\w.]*?(\w+)"', page), name

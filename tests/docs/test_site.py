"""The built site in Chromium: opened from disk it asks for nothing outside, its search works, and it fits."""

import subprocess
import sys
from pathlib import Path

import pytest

from tests.conftest import ROOT
from tests.support.browser import MISSING, chromium, installed, visit

HTML = ROOT / "docs" / "_build" / "html"
INDEX = HTML / "searchindex.js"  # written last by every build
SOURCES = (
    "*.md",
    "*.yaml",
    "docs/**/*.md",
    "docs/**/*.py",
    "docs/_static/*",
    "docs/pictures/*",
    "src/**/*.py",
)
PAGES = (
    "index",
    "course",
    "get_started/first_run",
    "guides/choosing_parts",
    "reference/metrics",
    "reference/parameters",
    "reference/commands",
    "reference/api/models",
    "explanation/architecture",
    "results/models",
    "results/clinic",
)
SCREENS = ({"width": 1366, "height": 768}, {"width": 390, "height": 844})  # of a laptop and a phone

pytestmark = [
    pytest.mark.browser,
    pytest.mark.skipif(not installed(), reason=MISSING),
    pytest.mark.xdist_group("site"),
]


@pytest.fixture(scope="module")
def site() -> Path:
    """Returns the folder of the site, which is built if a source is newer, as by `make docs`."""
    if not INDEX.is_file() or INDEX.stat().st_mtime < max(map(_changed, SOURCES)):
        command = [sys.executable, "-m", "sphinx", "-q", "-W", "--keep-going", "-b", "html", "docs", HTML]
        done = subprocess.run(command, cwd=ROOT, capture_output=True, text=True, check=False)
        assert done.returncode == 0, done.stderr
    return HTML


def _changed(pattern: str) -> float:
    paths = (path for path in ROOT.glob(pattern) if "_build" not in path.parts)
    return max(path.stat().st_mtime for path in paths)


@pytest.fixture(scope="module")
def browser():
    with chromium() as running:
        yield running


@pytest.mark.parametrize("page", PAGES)
def test_a_page_asks_for_nothing_outside_has_no_error_and_does_not_scroll_sideways(site, browser, page):
    """Wide tables and code scroll within their frames."""
    with visit(browser, (site / f"{page}.html").as_uri()) as seen:
        for screen in SCREENS:
            seen.page.set_viewport_size(screen)
            assert seen.page.evaluate("document.documentElement.scrollWidth") <= screen["width"]
        assert seen.requests
        assert not [address for address in seen.requests if not address.startswith(site.as_uri())]
        assert not seen.errors


def test_search_finds_pages_without_a_server(site, browser):
    with visit(browser, (site / "index.html").as_uri()) as seen:
        seen.page.get_by_placeholder("Search").first.fill("posterior collapse")
        seen.page.keyboard.press("Enter")
        # Results come one by one; the heading changes after the last.
        seen.page.get_by_role("heading", name="Search Results").wait_for()
        first = seen.page.locator("ul.search li a").first
        titles = seen.page.locator("ul.search li a").all_inner_texts()
        assert "Diagnosis and the gate" in titles
        first.click()
        assert seen.page.locator("h1").first.inner_text()
        assert not [address for address in seen.requests if not address.startswith(site.as_uri())]
        assert not seen.errors

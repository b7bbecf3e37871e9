"""Every link, path and picture that a page names is there."""

import re

import pytest

from tests.conftest import ROOT
from tests.docs.markdown import Page, outs, pages

PAGES = pages()
PATH = re.compile(r"(src|tests|docs|presets|stages|examples|benchmarks|outputs)/[^:<…*\s]*$")
WRITTEN = (
    "docs/results/sweep.md",
    "docs/results/seeds.md",
    "docs/_build/html",
)  # by commands, when they are given
RESULTS = {
    f"docs/results/{name}.md" for name in ("models", "table1", "frontier", "sprites", "clinic", "bench")
}


@pytest.mark.parametrize("page", PAGES, ids=str)
def test_every_link_leads_somewhere(page):
    for link in page.links:
        path, _, anchor = link.partition("#")
        target = (page.path.parent / path).resolve() if path else page.path
        assert target.exists(), link
        if anchor:
            assert anchor in Page(target.relative_to(ROOT).as_posix()).anchors, link


@pytest.mark.parametrize("page", PAGES, ids=str)
def test_every_path_exists_or_is_written_by_a_stage(page):
    made = outs()
    for path in filter(PATH.match, page.code):
        if path.startswith("outputs/"):
            assert any(
                path == out or path.startswith(f"{out}/") or out.startswith(f"{path.rstrip('/')}/")
                for out in made
            ), path
        elif not path.startswith(WRITTEN) and "NAME" not in path:
            assert (ROOT / path).exists(), path


def test_the_readme_leads_to_the_sections_of_the_site():
    links = set(Page("README.md").links)
    assert {"docs/course.md", "docs/guides/choosing_parts.md", "docs/reference/metrics.md"} <= links
    assert {"CONTRIBUTING.md", "CHANGELOG.md", "LICENSE", "CITATION.cff", "examples"} <= links

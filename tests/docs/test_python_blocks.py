"""The Python of every page runs as it stands, where `make repro` has left a model and prepared data."""

import pytest

from tests.docs.markdown import pages

COURSE = "docs/course.md"  # what it prints is checked in test_course
PAGES = [page for page in pages() if page.blocks("python") and page.name != COURSE]
OF_A_RUN = "RUN_ID"  # a block with this needs a run in MLflow: tests/tracking/test_runs.py has one


@pytest.mark.parametrize("page", PAGES, ids=str)
def test_the_python_of_a_page_runs(page, after_a_run):
    for block in page.blocks("python"):
        if OF_A_RUN not in block:
            exec(compile(block, page.name, "exec"), {})

"""The Python of every page runs as it stands, where `make repro` has left a model and prepared data."""

import re

import pytest

from tests.docs.markdown import pages

COURSE = "docs/course.md"  # what it prints is checked in test_course
PAGES = [page for page in pages() if page.blocks("python") and page.name != COURSE]
RUN = re.compile(r"\bRUN_ID\b")


@pytest.mark.parametrize("page", PAGES, ids=str)
def test_the_python_of_a_page_runs(page, after_a_run, request):
    for block in page.blocks("python"):
        if RUN.search(block):
            block = RUN.sub(request.getfixturevalue("recorded"), block)
        exec(compile(block, page.name, "exec"), {})


@pytest.fixture
def recorded(after_a_run, monkeypatch):
    """Returns the id of a run in MLflow that has the model of the checkpoint."""
    from vaeline.tracking.store import RunContent, Store

    from tests.support.small import config

    monkeypatch.setenv("DVC_ROOT", str(after_a_run))
    content = RunContent(
        name="a run",
        params=config().to_dict(),
        tags={},
        checkpoint=after_a_run / "outputs" / "train" / "checkpoints" / "best.pt",
    )
    return Store("vae_mnist").create(content, {})

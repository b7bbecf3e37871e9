"""The report's page and the MLflow UI in headless Chromium."""

from collections.abc import Iterator
from typing import Any
from urllib.parse import urlparse

import pytest

from tests.support.browser import MISSING, QUIET, chromium, installed, ui, visit
from vaeline.core.files import read_json
from vaeline.reporting.summary import numeric_metrics, stage_pictures
from vaeline.tracking.completion import complete_run
from vaeline.tracking.runs.content import RunContent
from vaeline.tracking.runs.naming import part_tags

pytestmark = [pytest.mark.pipeline, pytest.mark.browser]

LAPTOP = {"viewport": {"width": 1280, "height": 800}}
PHONE = {"viewport": {"width": 390, "height": 844}, "device_scale_factor": 3, "is_mobile": True}
# `decode` fails for a broken picture, and loads one that is not in view yet.
WIDTHS = """Promise.all([...document.images].map(
    (image) => { image.loading = "eager"; return image.decode().then(() => image.naturalWidth) }
))"""


@pytest.fixture(scope="module")
def browser() -> Iterator[Any]:
    if not installed():
        pytest.skip(MISSING)
    with chromium() as running:
        yield running


@pytest.mark.parametrize("screen", [LAPTOP, PHONE], ids=["laptop", "phone"])
def test_report_shows_its_pictures_and_requests_nothing(reproduced, browser, screen):
    path = reproduced.root / "outputs/report/report.html"
    with visit(browser, path.as_uri(), **screen) as visited:
        widths = visited.page.evaluate(WIDTHS)
        wide, page = visited.page.evaluate("[document.documentElement.scrollWidth, innerWidth]")
    assert len(widths) >= len(stage_pictures(reproduced.root / "outputs"))
    assert min(widths) > 0
    assert visited.errors == []
    assert [url for url in visited.requests if not url.startswith("data:")] == [path.as_uri()]
    assert wide <= page == screen["viewport"]["width"]


RUNS = {"baseline": {}, "beta=4": {"beta": 4.0}, "beta=0.5 seed=7": {"beta": 0.5, "seed": 7}}
OTHERS = ("vae_digits", "vae_sprites")


@pytest.fixture(scope="module")
def addresses(browser, reproduced, tmp_path_factory) -> Iterator[dict[str, str]]:
    """The UI on a store of three MLflow experiments, one with the runs of three DVC experiments."""
    root = tmp_path_factory.mktemp("store")
    summary = read_json(reproduced.root / "outputs/report/summary.json")
    tags = part_tags(summary["params"])
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("DVC_ROOT", str(root))
        patch.delenv("MLFLOW_TRACKING_URI", raising=False)
        for experiment in OTHERS:
            assert complete_run(experiment, "0" * 32, RunContent("baseline", {}, {}))
        for i, (name, changes) in enumerate(RUNS.items()):
            content = RunContent(
                name,
                summary["params"] | changes,
                tags | {"dvc.experiment": f"experiment-{i}"},
                metrics={key: value - i for key, value in numeric_metrics(summary["metrics"]).items()},
                pictures=stage_pictures(reproduced.root / "outputs"),
            )
            assert complete_run("vae_mnist", f"{i}" * 32, content)
    with ui(root) as printed:
        yield printed


def test_runs_are_shown_by_their_changes_and_side_by_side(browser, addresses):
    with visit(browser, addresses["Runs"], QUIET, **LAPTOP) as visited:
        for name in RUNS:
            visited.page.get_by_role("link", name=name, exact=True).wait_for()
        assert visited.page.get_by_text("3 matching runs").count()
        visited.page.get_by_role("link", name="Experiments").first.click()
        for name in (*OTHERS, "vae_mnist"):
            visited.page.get_by_role("link", name=name, exact=True).first.wait_for()
        visited.page.goto(addresses["Compare"])
        visited.page.get_by_text("Comparing 3 Runs from 1 Experiment").wait_for()
        for text in (*RUNS, "prior.name", "diagnose/active_dims"):
            visited.page.get_by_text(text, exact=True).last.wait_for()
    hosts = {urlparse(url).netloc for url in visited.requests if not url.startswith(("data:", "blob:"))}
    assert hosts == {urlparse(addresses["Runs"]).netloc}

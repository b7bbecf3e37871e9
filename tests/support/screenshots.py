"""Takes the screenshots of the report and served pages: `python -m tests.support.screenshots explore`."""

import json
import re
import sys
from pathlib import Path
from typing import Any

from tests.conftest import ROOT
from tests.support.browser import QUIET, chromium, explore, ui, visit

PICTURES = ROOT / "docs" / "pictures"
COLUMNS = ["tags.`verdict`", "params.`beta`", "params.`prior.name`", "metrics.`evaluate/elbo`"]
COLUMNS += ["metrics.`evaluate/rate`", "metrics.`diagnose/active_units`"]
SEVEN = [(0.3, 0.2), (0.7, 0.2), (0.5, 0.8)]
SCREEN = {"viewport": {"width": 1400, "height": 520}}


def columns(runs: str) -> str:
    """Returns a script that chooses the columns of the table, as its menu `Columns` does."""
    experiment = re.search(r"experiments/(\d+)/", runs)[1]
    key = f'MLflowLocalStorage-1.1-ExperimentPage-["{experiment}"]-ReactComponentState'
    state = {"selectedColumns": COLUMNS, "orderByKey": "attributes.start_time"}
    return f"localStorage.setItem({json.dumps(key)}, {json.dumps(json.dumps(state))});"


def take_report(browser: Any) -> None:
    """Writes the report of the last run."""
    page = (ROOT / "outputs/report/report.html").as_uri()
    with visit(browser, page, viewport={"width": 1280, "height": 1500}) as visited:
        visited.page.screenshot(path=PICTURES / "report.png")


def take_mlflow(browser: Any) -> None:
    """Writes the table of runs and the comparison of runs."""
    with ui(ROOT) as addresses:
        for name, ready in (("Runs", "matching run"), ("Compare", "Parallel Coordinates Plot")):
            first = QUIET + columns(addresses["Runs"])
            with visit(browser, addresses[name], first, **SCREEN) as visited:
                visited.page.get_by_text(ready).first.wait_for()
                visited.page.wait_for_timeout(5000)  # until its animations end
                visited.page.screenshot(path=PICTURES / f"mlflow_{name.lower()}.png")


def take_explore(browser: Any) -> None:
    """Writes the page to play with the model of the last run, after a seven is drawn."""
    with explore(Path("outputs/train"), ROOT) as address:
        with visit(browser, address, viewport={"width": 1366, "height": 690}) as visited:
            page = visited.page
            page.locator("[aria-label=path] img[src^=data]").wait_for()
            draw(page, SEVEN)
            page.get_by_text("More likely than").wait_for()
            page.wait_for_timeout(1000)  # until its pictures are drawn
            page.screenshot(path=PICTURES / "explore.png")


def draw(page: Any, points: list[tuple[float, float]]) -> None:
    """Draws a stroke through points of the field, each from 0 to 1 across and down."""
    box = page.locator("[aria-label=field]").bounding_box()
    places = [(box["x"] + x * box["width"], box["y"] + y * box["height"]) for x, y in points]
    page.mouse.move(*places[0])
    page.mouse.down()
    for place in places[1:]:
        page.mouse.move(*place, steps=8)
    page.mouse.up()


TAKEN = {"report": take_report, "mlflow": take_mlflow, "explore": take_explore}


def main(*names: str) -> None:
    """Writes the screenshots that are named, or all of them, as PNG files in docs/pictures."""
    with chromium() as browser:
        for name in names or TAKEN:
            TAKEN[name](browser)


if __name__ == "__main__":
    main(*sys.argv[1:])

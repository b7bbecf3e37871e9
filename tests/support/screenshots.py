"""Takes the screenshots of the report and of the MLflow UI: `python -m tests.support.screenshots`."""

import json
import re

from tests.conftest import ROOT
from tests.support.browser import QUIET, chromium, ui, visit

PICTURES = ROOT / "docs" / "pictures"
COLUMNS = ["tags.`verdict`", "params.`beta`", "params.`prior.name`", "metrics.`evaluate/elbo`"]
COLUMNS += ["metrics.`evaluate/rate`", "metrics.`diagnose/active_units`"]
SCREEN = {"viewport": {"width": 1400, "height": 520}}


def columns(runs: str) -> str:
    """Returns a script that chooses the columns of the table, as its menu `Columns` does."""
    experiment = re.search(r"experiments/(\d+)/", runs)[1]
    key = f'MLflowLocalStorage-1.1-ExperimentPage-["{experiment}"]-ReactComponentState'
    state = {"selectedColumns": COLUMNS, "orderByKey": "attributes.start_time"}
    return f"localStorage.setItem({json.dumps(key)}, {json.dumps(json.dumps(state))});"


def main() -> None:
    """Writes the report, the table of runs and the comparison of runs as PNG files."""
    with ui(ROOT) as addresses, chromium() as browser:
        page = (ROOT / "outputs/report/report.html").as_uri()
        with visit(browser, page, viewport={"width": 1280, "height": 1500}) as visited:
            visited.page.screenshot(path=PICTURES / "report.png")
        for name, ready in (("Runs", "matching run"), ("Compare", "Parallel Coordinates Plot")):
            first = QUIET + columns(addresses["Runs"])
            with visit(browser, addresses[name], first, **SCREEN) as visited:
                visited.page.get_by_text(ready).first.wait_for()
                visited.page.wait_for_timeout(5000)  # until its animations end
                visited.page.screenshot(path=PICTURES / f"mlflow_{name.lower()}.png")


if __name__ == "__main__":
    main()

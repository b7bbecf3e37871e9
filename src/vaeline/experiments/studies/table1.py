"""Table 1 of Burda, Grosse & Salakhutdinov (2016), as published and as measured here.

It is made from the presets and the records of their runs: a cell without a record says `not run`.
"""

import re
import sys
from collections.abc import Iterable, Mapping
from typing import Any

from vaeline.core.errors import VaelineError
from vaeline.core.files import write_json, write_text
from vaeline.experiments import presets, tables
from vaeline.experiments.results import RESULTS

CELL = re.compile(r"(?P<family>burda|fast|short)-(?P<layers>\d)l-(?P<bound>vae|iwae)-k(?P<k>\d+)")
NOT_RUN = "not run"


def cells(names: Iterable[str]) -> list[str]:
    """Returns the presets that are cells of the table, in its order: by family, layers, k and bound."""
    found = [(match, name) for name in names if (match := CELL.fullmatch(name))]
    order = {"burda": 0, "fast": 1, "short": 2, "vae": 0, "iwae": 1}
    return [
        name
        for match, name in sorted(
            found,
            key=lambda pair: (
                order[pair[0]["family"]],
                int(pair[0]["layers"]),
                int(pair[0]["k"]),
                order[pair[0]["bound"]],
            ),
        )
    ]


def row(name: str, record: Mapping[str, Any] | None) -> dict[str, Any]:
    """Returns a cell; raises VaelineError for a record that is not of the preset as it stands today."""
    changes = presets.preset_overrides(name)
    published = changes.get("target_nll")
    if record is None:
        empty = dict.fromkeys(("nll", "nll_se", "active_units", "epochs", "seconds"))
        return {"preset": name, "published": published, **empty, "verdict": NOT_RUN}
    if record["overrides"] != changes:
        raise VaelineError(
            f"docs/results/records/{name}.json was made with another presets/{name}.yaml: run it again"
        )
    results = record["results"]
    return {
        "preset": name,
        "published": published,
        "nll": results["nll"],
        "nll_se": results["nll_se"],
        "active_units": results["train_active_units_by_layer"],
        "epochs": record["epochs"],
        "seconds": record["seconds"],
        "verdict": results.get("verdict", "none"),
    }


HEADING = ("preset", "published", "NLL ± se (nats)", "active units", "epochs", "training time", "verdict")


def markdown(rows: Iterable[Mapping[str, Any]], title: str, caption: str) -> str:
    """Returns a section with its caption and the rows as a table."""
    return "\n".join(
        [f"## {title}", "", caption, "", tables.markdown_table([HEADING, *map(_cells, rows)]), ""]
    )


def _cells(row: Mapping[str, Any]) -> tuple[str, ...]:
    published = "" if row["published"] is None else f"{row['published']:.2f}"
    if row["nll"] is None:
        return row["preset"], published, "", "", "", "", row["verdict"]
    hours, minutes = divmod(round(row["seconds"] / 60), 60)
    nll, time = f"{row['nll']:.2f} ± {row['nll_se']:.2f}", f"{hours} h {minutes:02d} min"
    return row["preset"], published, nll, row["active_units"], str(row["epochs"]), time, row["verdict"]


SECTIONS = (
    (
        "burda",
        "The authors' protocol",
        "Passes within 0.3 nats of the published number, on either side. `make preset NAME=…` runs one, and "
        "goes on with one that was stopped; 3,280 epochs in batches of 20 are about ten million steps.",
    ),
    (
        "fast",
        "A modern recipe",
        "The same model, data, bound and evaluation; passes at most 0.3 nats above the published number.",
    ),
    (
        "short",
        "The order at equal epochs",
        "The fast recipe stopped early, with nothing published to compare with, and scored with K = 1,000.",
    ),
)
INTRODUCTION = """# Table 1 of Burda, Grosse & Salakhutdinov (2016)

MNIST, binarized anew at each use; the test NLL in nats is −IWAE-5,000 on all 10,000 test images, binarized
once, with its standard error over them. Active units: Var[E[z|x]] > 0.01 over the first 500 training images,
layer by layer. `make table1` writes this page from the records in docs/results/records; no number in it is typed.
"""


def main() -> None:
    """Writes docs/results/table1.md and docs/results/table1.json."""
    records = presets.recorded()
    rows = [row(name, records.get(name)) for name in cells(presets.preset_names())]
    sections = [
        markdown([row for row in rows if row["preset"].startswith(f"{family}-")], title, caption)
        for family, title, caption in SECTIONS
    ]
    write_text(RESULTS / "table1.md", "\n".join([INTRODUCTION, *sections]))
    write_json(RESULTS / "table1.json", rows)
    run = [row["preset"] for row in rows if row["nll"] is not None]
    print(f"docs/results/table1.md: {len(run)} of {len(rows)} presets have a record")


if __name__ == "__main__":
    try:
        main()
    except VaelineError as error:
        sys.exit(str(error))

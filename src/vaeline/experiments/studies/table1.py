"""Table 1 of Burda, Grosse & Salakhutdinov (2016), as published and as measured here."""

import re
from collections.abc import Mapping, Sequence
from typing import Any

from vaeline.experiments.markdown import markdown_table
from vaeline.experiments.presets import preset_names
from vaeline.experiments.records import PresetRecord
from vaeline.experiments.study import Row, Study

CELL = re.compile(r"(burda|fast|short)-(\d)l-(vae|iwae)-k(\d+)")  # family, layers, bound, k
FAMILIES = {
    "burda": (
        "The authors' protocol",
        "Passes within 0.3 nats of the published number, on either side. `vaeline preset NAME` runs one, and "
        "resumes one that was stopped; 3,280 epochs in batches of 20 are about ten million steps.",
    ),
    "fast": (
        "A modern recipe",
        "The same model, data, bound and evaluation; passes at most 0.3 nats above the published number.",
    ),
    "short": (
        "The order at equal epochs",
        "The fast recipe stopped early, with nothing published to compare with, and scored with K = 1,000.",
    ),
}
TABLE1_HEADINGS = (
    *("preset", "published", "NLL ± se (nats)", "active units", "epochs", "training time", "verdict"),
)
TABLE1_TEXT = """# Table 1 of Burda, Grosse & Salakhutdinov (2016)

MNIST, binarized anew at each use; the test NLL in nats is −IWAE-5,000 on all 10,000 test images, binarized
once, with its standard error over them. Active units: Var[E[z|x]] > 0.01 over the first 500 training images,
layer by layer. `vaeline table1` writes this page from the records in `docs/results/records`; no number is
typed.
"""


class Table1Study(Study):
    """The presets that are cells of the table: by family, layers, k and bound."""

    command = "table1"
    page = "table1"
    prefix = ""

    def members(self) -> list[str]:
        """Returns the presets that are cells of the table, in its order."""
        return sorted((name for name in preset_names() if CELL.fullmatch(name)), key=self.order)

    def order(self, member: str) -> tuple[Any, ...]:
        """Returns family, layers, k and bound."""
        family, layers, bound, k = CELL.sub(r"\1 \2 \3 \4", member).split()
        return list(FAMILIES).index(family), int(layers), int(k), bound == "iwae"

    def description(self, member: str, changes: Mapping[str, Any]) -> Row:
        """Returns the preset's name and the published NLL."""
        return {"preset": member, "published": changes.get("target_nll")}

    def outcome(self, record: PresetRecord | None) -> Row:
        """Returns the NLL, what it took, and the verdict."""
        if record is None:
            empty = dict.fromkeys(("nll", "nll_se", "active_units", "epochs", "seconds"))
            return {**empty, "verdict": "not run"}
        results = record["results"]
        return {
            "nll": results["nll"],
            "nll_se": results["nll_se"],
            "active_units": results["train_active_units_by_layer"],
            "epochs": record["epochs"],
            "seconds": record["seconds"],
            "verdict": results.get("verdict", "none"),
        }

    def rerun(self, member: str) -> str:
        """Returns the command that runs a member again: each takes hours."""
        return f"vaeline preset {member}"

    def markdown(self, rows: Sequence[Row]) -> str:
        """Returns the page, with a table for each family."""
        parts = [TABLE1_TEXT]
        for family, (title, caption) in FAMILIES.items():
            cells = [_cells(row) for row in rows if row["preset"].startswith(f"{family}-")]
            parts.append(f"## {title}\n\n{caption}\n\n{markdown_table([TABLE1_HEADINGS, *cells])}\n")
        return "\n".join(parts)


def _cells(row: Row) -> tuple[str, ...]:
    published = "" if row["published"] is None else f"{row['published']:.2f}"
    if row["nll"] is None:
        return row["preset"], published, "", "", "", "", row["verdict"]
    hours, minutes = divmod(round(row["seconds"] / 60), 60)
    nll, time = f"{row['nll']:.2f} ± {row['nll_se']:.2f}", f"{hours} h {minutes:02d} min"
    return row["preset"], published, nll, row["active_units"], str(row["epochs"]), time, row["verdict"]

"""β-VAE beside VAE on sprites: what each reaches of disentanglement, and what it pays, over seeds.

`make sprites` runs the presets sprites-NAME-SEED that have no record yet, and writes docs/results/sprites.md and
docs/results/sprites.json from the records, and the pictures of each NAME's first seed.
"""

import math
import statistics
import sys
from collections.abc import Mapping, Sequence
from typing import Any

import dvc.api

from vaeline.core.errors import VaelineError
from vaeline.core.files import replacing, write_json, write_text
from vaeline.evaluation.estimators.estimate import estimate_text
from vaeline.experiments import presets, tables
from vaeline.experiments.launch import stoppable
from vaeline.experiments.results import PICTURES as PICTURES_FOLDER
from vaeline.experiments.results import PICTURES_LINK, RESULTS

PREFIX, BASE = "sprites-", "sprites"
FIGURES = {
    "mig": "MIG",
    "sap": "SAP",
    "dci_disentanglement": "DCI, disentanglement",
    "dci_completeness": "DCI, completeness",
    "dci_informativeness": "DCI, informativeness",
    "beta_vae_score": "β-VAE score",
    "factor_vae_score": "FactorVAE score",
    "elbo": "ELBO, nats",
    "rate": "Rate, nats",
    "distortion": "Distortion, nats",
}
PICTURES = {"traversals": "Traversals", "factors": "What each latent says of each factor"}
Row = dict[str, Any]


def names() -> list[str]:
    """Returns the presets of the page, NAME-SEED, without their prefix: the plain VAE first."""
    found = [name.removeprefix(PREFIX) for name in presets.preset_names() if name.startswith(PREFIX)]
    return sorted(found, key=lambda name: (not name.startswith("vae-"), name))


def kind(name: str) -> str:
    """Returns what NAME-SEED is a training of: NAME."""
    return name.rpartition("-")[0]


def row(name: str, record: Mapping[str, Any] | None) -> Row:
    """Returns a training; raises VaelineError for a record that is not of its preset as it stands today."""
    changes = presets.preset_overrides(PREFIX + name)
    entry = {"name": name, "beta": presets.config(changes).beta, "source": changes["notes"]}
    if record is None:
        return entry | {"run": False}
    if record["overrides"] != changes:
        raise VaelineError(
            f"docs/results/records/{PREFIX}{name}.json is of another preset: make sprites NAME={name}"
        )
    figures = {key: record["results"][key] for key in FIGURES}
    errors = {f"{key}_se": record["results"][f"{key}_se"] for key in FIGURES}
    return entry | {"run": True, **figures, **errors, "seconds": record["seconds"]}


def over_seeds(rows: Sequence[Row], figure: str) -> tuple[float, float]:
    """Returns mean and standard error of a figure over trainings; the error is NaN for a single one."""
    values = [row[figure] for row in rows]
    error = statistics.stdev(values) / math.sqrt(len(values)) if len(values) > 1 else math.nan
    return statistics.fmean(values), error


INTRODUCTION = """# β-VAE and VAE on sprites

Both are one network and one budget, {epochs} epochs on {train} drawn shapes, and differ in β alone, the
weight of the KL: {kinds}. Scores are of the means of q(z|x) on {valid} other images against the factors that
all were drawn from ({factors}), between 0 and 1, the higher the better. Bounds are in nats an image on the
test split, at β = 1 whatever β was in training, so that ELBO = −(rate + distortion).

"""
COMPARED = """

Mean ± its standard error over {n} trainings that differ by seed alone. *Difference* is that of the last
column to the first; its error is of both together.
"""
UNCERTAIN = "From so few, an error is itself known to about {percent:.0f} %.\n"
EACH = """
## Each training

± is the standard error over images of one training, without what another seed would do.

"""
BELOW = """
`make sprites` runs what has no record and writes this page from docs/results/records; no number in it is typed.
"""


def markdown(rows: Sequence[Row]) -> str:
    """Returns the page, for what has run."""
    budget = presets.config(presets.preset_overrides(BASE))
    kinds = {kind(row["name"]): row for row in rows}
    told = ", ".join(f"{name} has β = {row['beta']:g} ({row['source']})" for name, row in kinds.items())
    grid = {"shape": 3} | budget.data.sprites.model_dump()
    factors = ", ".join(f"{name} with {count} values" for name, count in grid.items() if count > 1)
    head = INTRODUCTION.format(
        epochs=budget.epochs, train=f"{budget.data.train_size:,}", valid=f"{budget.data.valid_size:,}",
        factors=factors, kinds=told,
    )  # fmt: skip
    groups = {name: [r for r in rows if kind(r["name"]) == name and r["run"]] for name in kinds}
    each = [["", *FIGURES.values(), "training"], *(_each(row) for row in rows)]
    parts = [head, EACH, tables.markdown_table(each), "\n", BELOW]
    if all(groups.values()):
        counts = min(map(len, groups.values()))
        parts[1:1] = [
            tables.markdown_table(_compared(groups)),
            COMPARED.format(n=counts),
            UNCERTAIN.format(percent=100 / math.sqrt(2 * counts - 2)) if counts > 1 else "",
            *_pictures(kinds),
        ]
    return "".join(parts)


def _compared(groups: Mapping[str, Sequence[Row]]) -> list[list[str]]:
    lines = [["", *groups, "Difference"]]
    for figure, heading in FIGURES.items():
        found = [over_seeds(rows, figure) for rows in groups.values()]
        (first, first_error), (last, last_error) = found[0], found[-1]
        found.append((last - first, math.hypot(first_error, last_error)))
        lines.append([heading, *(_cell(mean, error) for mean, error in found)])
    return lines


def _cell(mean: float, error: float) -> str:
    known = {"mean": mean} | ({} if math.isnan(error) else {"mean_se": error})
    return estimate_text(known, "mean")


def _each(row: Row) -> list[str]:
    if not row["run"]:
        return [row["name"], "not run", *[""] * len(FIGURES)]
    return [row["name"], *(estimate_text(row, figure) for figure in FIGURES), f"{row['seconds']:.0f} s"]


def _pictures(kinds: Mapping[str, Row]) -> list[str]:
    lines = [[f"{title}, {name}" for name in kinds] for title in PICTURES.values()]
    shown = [
        [f"![{title}]({PICTURES_LINK}/{picture(name, what)})" for name in kinds]
        for what, title in PICTURES.items()
    ]
    return ["\n", *(tables.markdown_table(pair) + "\n\n" for pair in zip(lines, shown, strict=True))]


def picture(name: str, what: str) -> str:
    """Returns where a picture of the first seed of `name` is called."""
    return f"{PREFIX}{name}-{what}.png"


def keep_pictures(name: str) -> None:
    """Copies the pictures of the experiment sprites-NAME-SEED, if it is the first of its NAME."""
    training = name.removeprefix(PREFIX)
    if training != min(other for other in names() if kind(other) == kind(training)):
        return
    for what in PICTURES:
        content = dvc.api.read(f"outputs/report/plots/{what}.png", rev=name, mode="rb")
        with replacing(PICTURES_FOLDER / picture(kind(training), what)) as path:
            path.write_bytes(content)


def write() -> list[Row]:
    """Writes docs/results/sprites.md and docs/results/sprites.json from the records, and returns the trainings."""
    records = presets.recorded()
    rows = [row(name, records.get(PREFIX + name)) for name in names()]
    write_text(RESULTS / "sprites.md", markdown(rows))
    write_json(RESULTS / "sprites.json", rows)
    return rows


def main(wanted: Sequence[str]) -> None:
    """Runs the trainings that are named, or else those without a record, and writes the page.

    Raises VaelineError for an unknown name, and at the end for trainings that failed: the others run.
    """
    chosen = presets.presets_to_run(wanted, names(), PREFIX, "on sprites")
    try:
        presets.run_all(chosen, "sprites", keep_pictures)
    finally:
        rows = write()
        print(f"docs/results/sprites.md: {sum(row['run'] for row in rows)} of {len(rows)} have a record")


if __name__ == "__main__":
    with stoppable("sprites"):
        main(sys.argv[1:])

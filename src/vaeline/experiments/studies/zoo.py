"""The zoo: one training of each part within a small budget, and what came of it side by side.

`make zoo`, or `make zoo NAME="vamp iaf"`, runs the presets zoo-NAME that have no record yet, and writes
docs/results/models.md and docs/results/models.json from the records.
"""

import sys
from collections.abc import Iterable, Mapping
from typing import Any

from vaeline.core.errors import VaelineError
from vaeline.core.files import write_json, write_text
from vaeline.evaluation.estimators.estimate import estimate_text
from vaeline.experiments import presets, tables
from vaeline.experiments.launch import stoppable
from vaeline.experiments.results import RESULTS

PREFIX, BASE = "zoo-", "zoo"
# What every row tells elsewhere, or shares with all others.
UNTOLD = ("notes", "experiment_name")
FIGURES = ("elbo", "iwae", "bits_per_dim", "fid_classifier", "conditional_accuracy")


def names() -> list[str]:
    """Returns the entries, without their prefix: the plain VAE first, the others by name."""
    found = [name.removeprefix(PREFIX) for name in presets.preset_names() if name.startswith(PREFIX)]
    return sorted(found, key=lambda name: (name != "vae", name))


def row(name: str, record: Mapping[str, Any] | None) -> dict[str, Any]:
    """Returns an entry; raises VaelineError for a record that is not of its preset as it stands today."""
    changes = presets.preset_overrides(PREFIX + name)
    shared = presets.preset_overrides(BASE)
    chosen = {k: v for k, v in changes.items() if k not in UNTOLD and shared.get(k) != v}
    entry = {"name": name, "chosen_by": _command(chosen), "source": changes["notes"]}
    if record is None:
        return entry | {"run": False}
    if record["overrides"] != changes:
        raise VaelineError(
            f"docs/results/records/{PREFIX}{name}.json is of another preset: make zoo NAME={name}"
        )
    results = record["results"]
    figures = {key: results[key] for name in FIGURES for key in (name, f"{name}_se") if key in results}
    units = results["train_active_units_by_layer"]
    return entry | {"run": True, **figures, "active_units": units, "seconds": record["seconds"]}


def _command(changes: Mapping[str, Any]) -> str:
    return " ".join(f"-S {key}={value}" for key, value in changes.items())


HEADING = (
    *("what", "chosen by", "source"),
    *("ELBO, nats", "IWAE, nats", "bits a dimension", "Fréchet", "of its class", "units", "training"),
)
INTRODUCTION = """# What there is, and what it reaches in a small budget

Each row is one training of {epochs} epochs on {train} images of MNIST, or of the data set that it names, with
one seed, and evaluated on the whole test split: the bound at β = 1, IWAE-{k}, the Fréchet distance of samples
in the features of our own classifier (compare within a data set only), the share of samples that it takes for
the class that was asked for, and Burda's active units, layer by layer. So small a budget ranks nothing: it
shows that each part works, and where it stands beside the plain VAE in the first row. A bound is in nats an
image, with its standard error over test images; densities of continuous pixels and probabilities of binary
ones are not comparable. Nor are the times, taken on a machine that others used as well: they say whether a
training takes seconds or minutes.

`make zoo` runs what has no record and writes this page from docs/results/records; no number in it is typed.

"""


def markdown(rows: Iterable[Mapping[str, Any]]) -> str:
    """Returns the page."""
    budget = presets.preset_overrides(BASE)
    head = INTRODUCTION.format(
        epochs=budget["epochs"], train=f"{budget['data.train_size']:,}", k=budget["iwae_k"]
    )
    return head + tables.markdown_table([HEADING, *map(_cells, rows)]) + "\n"


def _cells(row: Mapping[str, Any]) -> tuple[str, ...]:
    said = row["name"], f"`{row['chosen_by']}`" if row["chosen_by"] else "", row["source"]
    if not row["run"]:
        return *said, "not run", *[""] * (len(HEADING) - len(said) - 1)
    figures = [estimate_text(row, name) if name in row else "" for name in FIGURES]
    return *said, *figures, row["active_units"], f"{row['seconds']:.0f} s"


def write() -> list[dict[str, Any]]:
    """Writes docs/results/models.md and docs/results/models.json from the records, and returns the rows."""
    records = presets.recorded()
    rows = [row(name, records.get(PREFIX + name)) for name in names()]
    write_text(RESULTS / "models.md", markdown(rows))
    write_json(RESULTS / "models.json", rows)
    return rows


def main(wanted: list[str]) -> None:
    """Runs the entries that are named, or else those without a record, and writes the page.

    Raises VaelineError for an unknown name, and at the end for entries that failed: the others run.
    """
    chosen = presets.presets_to_run(wanted, names(), PREFIX, "in the zoo")
    try:
        presets.run_all(chosen, "zoo", lambda _: write())
    finally:
        rows = write()
        print(f"docs/results/models.md: {sum(row['run'] for row in rows)} of {len(rows)} have a record")


if __name__ == "__main__":
    with stoppable("zoo"):
        main(sys.argv[1:])

"""The zoo: one training of each part with a small budget, side by side."""

from collections.abc import Mapping, Sequence
from typing import Any

from vaeline.evaluation.estimators.estimate import estimate_text
from vaeline.experiments.markdown import markdown_table
from vaeline.experiments.presets import preset_overrides
from vaeline.experiments.records import PresetRecord
from vaeline.experiments.study import Row, Study
from vaeline.provenance.commands import override_flags
from vaeline.reporting.summary import code_span, markdown_text

BUDGET = "zoo"
"""The preset that all others extend."""
NOT_CHOSEN = ("notes", "experiment_name")
"""Overrides that are in other columns, or the same in all rows."""
ZOO_FIGURES = ("elbo", "iwae", "bits_per_dim", "fid_classifier", "conditional_accuracy")
ZOO_HEADINGS = (
    *("what", "chosen by", "source"),
    *("ELBO, nats", "IWAE, nats", "bits a dimension", "Fréchet", "of its class", "units", "training"),
)
ZOO_TEXT = """# One of every part, with a small budget

Each row is one training of {epochs} epochs on {train} images of MNIST, or of the data set that it names, with
one seed: on the whole test split the bound at β = 1 and IWAE-{k}; the Fréchet distance of samples in the
features of our own classifier (compare within a data set only), and the share of samples that it takes for
the class that was asked for; and Burda's active units over the first 500 training images, layer by layer. So
small a budget ranks nothing: it shows that each part works, and how it compares with the plain VAE in the
first row. A bound is in nats an image, with its standard error over test images; densities of continuous
pixels and probabilities of binary ones are not comparable. Neither are the times, measured on a machine that
others used as well: they say whether a training takes seconds or minutes.

`vaeline zoo` runs what has no record, and writes this page from `docs/results/records`; no number is typed.

"""


class ZooStudy(Study):
    """The presets zoo-NAME: the plain VAE first, the others by name."""

    command = "zoo"
    page = "models"
    prefix = "zoo-"

    def order(self, member: str) -> tuple[Any, ...]:
        """Returns whether it is not the plain VAE, and the name."""
        return member != "vae", member

    def description(self, member: str, changes: Mapping[str, Any]) -> Row:
        """Returns how the member is chosen, and the paper that it comes from."""
        return {"name": member, "chosen_by": chosen_by(changes, BUDGET), "source": changes["notes"]}

    def outcome(self, record: PresetRecord | None) -> Row:
        """Returns bounds, distance, accuracy, active units and time."""
        if record is None:
            return {"run": False}
        results = record["results"]
        keys = [key for name in ZOO_FIGURES for key in (name, f"{name}_se") if key in results]
        units = results["train_active_units_by_layer"]
        figures = {key: results[key] for key in keys}
        return {"run": True, **figures, "active_units": units, "seconds": record["seconds"]}

    def markdown(self, rows: Sequence[Row]) -> str:
        """Returns the page."""
        budget = preset_overrides(BUDGET)
        text = ZOO_TEXT.format(
            epochs=budget["epochs"], train=f"{budget['data.train_size']:,}", k=budget["iwae_k"]
        )
        return text + markdown_table([ZOO_HEADINGS, *map(_cells, rows)]) + "\n"


def chosen_by(changes: Mapping[str, Any], budget: str) -> str:
    """Returns the flags that choose what a preset has beyond the preset `budget`, which it extends."""
    shared = preset_overrides(budget)
    return override_flags({k: v for k, v in changes.items() if k not in NOT_CHOSEN and shared.get(k) != v})


def _cells(row: Row) -> tuple[str, ...]:
    description = row["name"], row["chosen_by"] and code_span(row["chosen_by"]), markdown_text(row["source"])
    if not row["run"]:
        return *description, "not run", *[""] * (len(ZOO_HEADINGS) - len(description) - 1)
    figures = [estimate_text(row, name) if name in row else "" for name in ZOO_FIGURES]
    return *description, *figures, row["active_units"], f"{row['seconds']:.0f} s"

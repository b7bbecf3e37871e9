"""Colour images: likelihoods, networks and models in one budget, beside what needs no VAE."""

import tempfile
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import dvc.api
import torch

from vaeline.core.errors import VaelineError
from vaeline.core.files import read_json, replacing, write_json
from vaeline.data.catalog import DATASETS
from vaeline.data.prepared import Prepared
from vaeline.data.storing import store
from vaeline.evaluation.estimators.estimate import means_with_errors
from vaeline.experiments.presets import preset_config, preset_overrides
from vaeline.experiments.records import PresetRecord, machine_text
from vaeline.experiments.results import PICTURES, RESULTS
from vaeline.experiments.search.placement import HERE, Placement
from vaeline.experiments.studies.baselines import (
    GaussianBits,
    continuous_bernoulli_bits,
    file_bits,
    independent_bits,
)
from vaeline.experiments.studies.colour_page import COLOUR_FIGURES, CURED, colour_markdown, picture_of
from vaeline.experiments.studies.colour_seeds import read_over_seeds, run_over_seeds, seeds_section
from vaeline.experiments.studies.zoo import chosen_by
from vaeline.experiments.study import Row, Study
from vaeline.provenance.commands import override_flags

COLOUR_BUDGET = "colour"
"""The preset that all others extend."""
BUDGETED = "underfitting"
"""The problem whose remedy, more epochs, is not within the budget."""
BASELINES = RESULTS / "colour-baselines.json"


class ColourStudy(Study):
    """The presets colour-NAME by name; those that repeat another one with its remedy come last."""

    command = "colour"
    page = "colour"
    prefix = "colour-"

    def order(self, member: str) -> tuple[Any, ...]:
        """Returns whether it repeats another one with its remedy, and the name."""
        return member.endswith(CURED), member

    def description(self, member: str, changes: Mapping[str, Any]) -> Row:
        """Returns how the member is chosen."""
        return {"name": member, "chosen_by": chosen_by(changes, COLOUR_BUDGET)}

    def outcome(self, record: PresetRecord | None) -> Row:
        """Returns bits, rate, distance, active units, time and findings."""
        if record is None:
            return {"run": False}
        results = record["results"]
        keys = [key for name in COLOUR_FIGURES for key in (name, f"{name}_se") if key in results]
        problems = [f for f in record["findings"] if f["level"] == "problem"]
        return {
            "run": True,
            **{key: results[key] for key in keys},
            "active_units": results["train_active_units_by_layer"],
            "epochs": record["epochs"],
            "seconds": record["seconds"],
            "trained_on": machine_text(record["training"]),
            "findings": {f["name"]: {"level": f["level"], "says": f["says"]} for f in record["findings"]},
            "remedy": next(
                (
                    {"of": p["name"], "changes": p["changes"]}
                    for p in problems
                    if p["changes"] and p["name"] != BUDGETED
                ),
                {},
            ),
        }

    def markdown(self, rows: Sequence[Row]) -> str:
        """Returns the page."""
        budget, baselines = preset_config(COLOUR_BUDGET), read_json(BASELINES)
        facts = {"latents": budget.latent_dim, "k": budget.iwae_k} | baselines["data"]
        return colour_markdown(rows, seeds_section(read_over_seeds()), baselines["bits_per_dim"], facts)

    def run(self, wanted: Sequence[str], placement: Placement = HERE) -> None:
        """Measures what stands beside the members, if nobody has, and runs members; see `Study.run`."""
        if not BASELINES.exists():
            write_json(BASELINES, measured_baselines())
        super().run(wanted, placement)

    def over_seeds(self, members: Sequence[str], seeds: Sequence[int]) -> None:
        """Trains members on fewer images with each seed, up to their findings, and writes the page.

        Raises:
            VaelineError: If there is no such member, before anything runs; or if a training fails.
        """
        run_over_seeds(members, self.prefix, seeds)
        self.write()

    def finish(self, member: str) -> None:
        """Copies the samples of a member from its experiment, and writes the page."""
        content = dvc.api.read("outputs/report/plots/samples.png", rev=self.prefix + member, mode="rb")
        with replacing(PICTURES / picture_of(member)) as path:
            path.write_bytes(content)
        super().finish(member)

    def row(self, member: str, record: PresetRecord | None) -> Row:
        """Returns the row of a member; raises VaelineError if its test images were not the baselines'."""
        if record is not None and record["data"]["test_sha256"] != read_json(BASELINES)["test_sha256"]:
            raise VaelineError(f"{member} was tested on other images than {BASELINES}: remove that file")
        return super().row(member, record)

    def rows(self) -> list[Row]:
        """Returns the rows, each with the name of the member that repeats it with its first remedy.

        Raises:
            VaelineError: If a member that should have the first remedy of another one has something else.
        """
        rows = super().rows()
        overrides = {row["name"]: preset_overrides(self.prefix + row["name"]) for row in rows}
        choices = {name: _but_for_epochs(own) for name, own in overrides.items()}
        for row in rows:
            name, remedy = row["name"], row.get("remedy", {}).get("changes", {})
            remedied = _but_for_epochs(overrides[name] | remedy) if remedy else None
            repeats, own = [other for other, its in choices.items() if its == remedied], name + CURED
            if row["run"] and own in choices and own not in repeats:
                flags = override_flags(remedy) or "it has none"
                raise VaelineError(
                    f"presets/{self.prefix}{own}.yaml is not {name} with its first remedy: {flags}"
                )
            row["repeated_by"] = own if own in repeats else next(iter(repeats), "")
        return rows


def _but_for_epochs(overrides: Mapping[str, Any]) -> dict[str, Any]:
    """Returns overrides without their notes, and without the number of epochs that the budget allows."""
    return {key: value for key, value in overrides.items() if key not in ("epochs", "notes")}


def measured_baselines() -> dict[str, Any]:
    """Returns what the images of the budget cost without a VAE, with what was measured on."""
    config = preset_config(COLOUR_BUDGET)
    with tempfile.TemporaryDirectory() as folder:
        prepared = store(DATASETS.build(config.to_dict()["data"], raw=Path("data/raw")), folder)
        return {
            "test_sha256": prepared.hashes["test_values.npy"],
            "data": {
                "train": f"{len(prepared.train):,}",
                "test": f"{len(prepared.test):,}",
                "dims": f"{prepared.train.values[0].size:,}",
            },
            "bits_per_dim": means_with_errors(_baselines(prepared, config.latent_dim)),
        }


def _baselines(prepared: Prepared, latent_dim: int) -> dict[str, torch.Tensor]:
    train, test = prepared.train.values, prepared.test.values
    gaussian = GaussianBits(train)
    bits = {
        "independent pixels": independent_bits(train, test),
        f"probabilistic PCA, {latent_dim} latents": gaussian(test, latent_dim),
        "Gaussian with full covariance": gaussian(test, test[0].size),
        "continuous Bernoulli, the best for each value": continuous_bernoulli_bits(test),
        "PNG": file_bits(test, format="PNG", optimize=True),
        "WebP, lossless": file_bits(test, format="WebP", lossless=True),
    }
    return {name: torch.from_numpy(values) for name, values in bits.items()}

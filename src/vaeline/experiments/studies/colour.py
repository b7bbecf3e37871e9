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
from vaeline.evaluation.estimators.estimate import estimate_text, means_with_errors
from vaeline.experiments.markdown import markdown_table
from vaeline.experiments.presets import preset_config, preset_overrides
from vaeline.experiments.records import PresetRecord, machine_text
from vaeline.experiments.results import PICTURES, PICTURES_LINK, RESULTS
from vaeline.experiments.search.placement import HERE, Placement
from vaeline.experiments.studies.baselines import GaussianBits, file_bits, independent_bits
from vaeline.experiments.studies.zoo import chosen_by
from vaeline.experiments.study import Row, Study
from vaeline.provenance.commands import override_flags
from vaeline.reporting.summary import code_span

COLOUR_BUDGET = "colour"
"""The preset that all others extend."""
BASELINES = RESULTS / "colour-baselines.json"
COLOUR_FIGURES = ("bits_per_dim", "rate", "fid_classifier")
COLOUR_HEADINGS = (
    *("what", "chosen by", "bits a dimension", "rate, nats", "Fréchet", "units", "epochs", "training"),
    *("trained on", "findings", "first remedy"),
)
CURED = "-cured"
"""The end of the name of a member that repeats another one with its first remedy."""
CURE_HEADINGS = ("what", "found", "first remedy", "found with it", "cured", "bits a dimension")
COLOUR_TEXT = """# Colour images

{train} training and {test} test images of CIFAR-10 that had been stored as JPEG, which smooths them: no
figure here compares with a published one on the original pixels. Each row of the first table is one training
with one seed and {latents} latents, of as many epochs as half an hour of one CPU core is enough for, wherever
it was trained; `long` has more.

*Bits a dimension* are those of −IWAE-{k} on the test split, an upper bound on the bits of a level, with the
standard error over images. Densities (Gaussian, continuous Bernoulli) are of dequantized levels, so that they
compare with the masses of discretized logistics. The Fréchet distance is in the features of our own
classifier of these images. Findings are what the detectors say of the measures of a run.

"""
BASELINES_TEXT = """

## Without a VAE

What the same test images cost otherwise. A VAE should need fewer bits than independent pixels, and with
{latents} latents and a learned σ fewer than probabilistic PCA, which is a VAE with linear networks. The
others stand here for orientation: a Gaussian with a full covariance has {dims} directions and no latents.

"""
CURES_TEXT = """

## The first remedies

Trainings with a problem, repeated with the first remedy of their diagnosis, as far as that has run. *Cured*
says whether that problem is gone.

"""
SAMPLES_TEXT = "\n\n## Samples\n\n"
BELOW_TABLES = """
`vaeline colour` runs what has no record, and writes this page from `docs/results/records`; no number is
typed. The images are a folder `data/cifar10-jpeg` with `train/CLASS` and `test/CLASS`, which is not part of
the repository.
"""


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
                ({"of": p["name"], "changes": p["changes"]} for p in problems if p["changes"]), {}
            ),
        }

    def markdown(self, rows: Sequence[Row]) -> str:
        """Returns the page."""
        budget, baselines = preset_config(COLOUR_BUDGET), read_json(BASELINES)
        facts = {"latents": budget.latent_dim, "k": budget.iwae_k} | baselines["data"]
        return "".join(
            [
                COLOUR_TEXT.format(**facts),
                markdown_table(
                    [COLOUR_HEADINGS, *(_cells(r) for r in rows if not r["name"].endswith(CURED))]
                ),
                *_cures({row["name"]: row for row in rows}),
                BASELINES_TEXT.format(**facts),
                markdown_table([("what", "bits a dimension"), *_baseline_cells(baselines)]),
                *_pictures(rows),
                BELOW_TABLES,
            ]
        )

    def run(self, wanted: Sequence[str], placement: Placement = HERE) -> None:
        """Measures what stands beside the members, if nobody has, and runs members; see `Study.run`."""
        if not BASELINES.exists():
            write_json(BASELINES, measured_baselines())
        super().run(wanted, placement)

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
        """Returns the rows; raises VaelineError if a member that should have a remedy has another."""
        rows = super().rows()
        remedies = {row["name"]: row["remedy"].get("changes", {}) for row in rows if row["run"]}
        for before, remedy in remedies.items():
            preset = f"{self.prefix}{before}{CURED}"
            expected = preset_overrides(self.prefix + before) | remedy
            if before + CURED in self.members() and preset_overrides(preset) != expected:
                flags = override_flags(remedy) or "it has none"
                raise VaelineError(f"presets/{preset}.yaml is not {before} with its first remedy: {flags}")
        return rows


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
        "PNG": file_bits(test, format="PNG", optimize=True),
        "WebP, lossless": file_bits(test, format="WebP", lossless=True),
    }
    return {name: torch.from_numpy(values) for name, values in bits.items()}


def picture_of(member: str) -> str:
    """Returns the file name of a member's samples."""
    return f"colour-{member}.png"


def _cells(row: Row) -> tuple[str, ...]:
    description = row["name"], row["chosen_by"] and code_span(row["chosen_by"])
    if not row["run"]:
        return *description, "not run", *[""] * (len(COLOUR_HEADINGS) - len(description) - 1)
    figures = [estimate_text(row, name) for name in COLOUR_FIGURES]
    remedy = _remedy_text(row)
    found = [name.replace("_", " ") for name, f in row["findings"].items() if f["level"] == "problem"]
    trained = row["active_units"], f"{row['epochs']:.0f}", f"{row['seconds'] / 60:.1f} min", row["trained_on"]
    return *description, *figures, *trained, ", ".join(found) or "none", remedy


def _remedy_text(row: Row) -> str:
    return code_span(override_flags(row["remedy"]["changes"])) if row["remedy"] else ""


def _cures(rows: Mapping[str, Row]) -> list[str]:
    """Returns the table of members that were repeated with their first remedy, if any were."""
    cured = {name.removesuffix(CURED): row for name, row in rows.items() if name.endswith(CURED)}
    run = {name: row for name, row in cured.items() if row["run"] and rows[name]["run"]}
    cells = [_cure_cells(rows[name], row) for name, row in run.items()]
    return [CURES_TEXT, markdown_table([CURE_HEADINGS, *cells])] if cells else []


def _cure_cells(before: Row, after: Row) -> tuple[str, ...]:
    problem = before["remedy"]["of"]
    was, is_now = before["findings"][problem], after["findings"][problem]
    bits = " → ".join(estimate_text(row, "bits_per_dim") for row in (before, after))
    cured = "no" if is_now["level"] == "problem" else "yes"
    return before["name"], was["says"], _remedy_text(before), is_now["says"], cured, bits


def _baseline_cells(baselines: Mapping[str, Any]) -> list[tuple[str, str]]:
    bits = baselines["bits_per_dim"]
    names = sorted((name for name in bits if not name.endswith("_se")), key=bits.__getitem__, reverse=True)
    return [(name, estimate_text(bits, name)) for name in names]


def _pictures(rows: Sequence[Row]) -> list[str]:
    pictures = [_picture(row["name"]) for row in rows if row["run"]]
    return [SAMPLES_TEXT, *pictures] if pictures else ["\n"]


def _picture(member: str) -> str:
    return f"{member}:\n\n![Samples of {member}]({PICTURES_LINK}/{picture_of(member)})\n\n"

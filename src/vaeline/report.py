"""One summary of everything that the stages wrote."""

import math
from collections.abc import Mapping
from pathlib import Path

from vaeline.files import read_json

STAGES = ("prepare", "check", "train", "evaluate", "fid_reference", "fid", "diagnose")
HEADLINES = (
    ("ELBO, test (nats)", "evaluate/elbo"),
    ("IWAE-K, test (nats)", "evaluate/iwae"),
    ("Effective sample size", "evaluate/ess"),
    ("Rate, KL (nats)", "evaluate/rate"),
    ("Distortion (nats)", "evaluate/distortion"),
    ("Squared error a pixel", "evaluate/mse"),
    ("Fréchet distance, Inception", "fid/fid"),
    ("Fréchet distance, classifier", "fid/fid_classifier"),
    ("… real against real", "fid/fid_classifier_floor"),
    ("Active units", "diagnose/active_units"),
)

Metrics = Mapping[str, float | str]


def gather(outputs: Path) -> dict[str, float | str]:
    """Returns every stage's metrics as `<stage>/<name>`."""
    return {
        f"{stage}/{name}": value
        for stage in STAGES
        for name, value in read_json(outputs / stage / "metrics.json").items()
    }


def numbers(metrics: Metrics) -> dict[str, float]:
    """Returns the metrics that are numbers."""
    return {name: value for name, value in metrics.items() if not isinstance(value, str)}


def words(metrics: Metrics) -> dict[str, str]:
    """Returns those that are words, such as why a distance was not computed."""
    return {name: value for name, value in metrics.items() if isinstance(value, str)}


def artifacts(outputs: Path) -> dict[str, str]:
    """Returns the files that belong to a run, each with its folder in it."""
    found = {"checkpoints": outputs.glob("train/checkpoints/[bl]*.pt"), "report": outputs.glob("report/*")}
    found |= {f"plots/{stage}": outputs.glob(f"{stage}/plots/*.png") for stage in STAGES}
    found |= {f"tables/{stage}": outputs.glob(f"{stage}/*.csv") for stage in STAGES}
    found["logs"] = outputs.glob("train/training.log")
    return {str(path): folder for folder, paths in found.items() for path in sorted(paths)}


def summary(metrics: Metrics, changed: str) -> str:
    """Returns the summary as Markdown: what was varied, the headline figures, and every metric."""
    everything = [f"| {name} | {value} |" for name, value in metrics.items()]
    return "\n".join(
        [
            "# Summary",
            "",
            f"Params that differ from the committed ones: {changed or 'none'}",
            "",
            "| | mean ± standard error |",
            "|---|---|",
            *headlines(metrics),
            "",
            "## Every metric",
            "",
            "| metric | value |",
            "|---|---|",
            *everything,
            "",
        ]
    )


def headlines(metrics: Metrics) -> list[str]:
    """Returns a Markdown row for each headline figure that there is."""
    return [f"| {label} | {_with_error(metrics, name)} |" for label, name in HEADLINES if name in metrics]


def headline(metrics: Metrics) -> str:
    """Returns the headline figures, a line each."""
    width = max(len(label) for label, _ in HEADLINES)
    return "\n".join(
        f"{label:{width}}  {_with_error(metrics, name)}" for label, name in HEADLINES if name in metrics
    )


def _with_error(metrics: Metrics, name: str) -> str:
    """Returns the mean to the digit that two digits of its error reach, or to four where it has none."""
    mean, error = metrics[name], metrics.get(f"{name}_se")
    if error is None:
        return f"{mean:.4g}"
    digits = max(0, 1 - math.floor(math.log10(error))) if error > 0 else 4
    return f"{mean:.{digits}f} ± {error:.{digits}f}"

"""One summary of everything that the stages wrote."""

import re
import shutil
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from vaeline.core.files import read_json
from vaeline.core.params import flatten_params
from vaeline.diagnosis.finding import Finding, findings_text
from vaeline.evaluation.estimators.estimate import estimate_text
from vaeline.runtime.stage import MEASURED_STAGES

HEADLINES = (
    ("ELBO, test (nats)", "evaluate/elbo"),
    ("IWAE-{evaluate/iwae_k}, test (nats)", "evaluate/iwae"),
    ("… its effective sample size", "evaluate/ess"),
    ("… in bits per dimension", "evaluate/bits_per_dim"),
    ("NLL less the published {evaluate/target_nll}: {evaluate/verdict}", "evaluate/nll_minus_target"),
    ("Annealed importance sampling on {evaluate/ais_images} images, test (nats)", "evaluate/ais"),
    ("… less IWAE-{evaluate/iwae_k} on the same images", "evaluate/ais_minus_iwae"),
    ("Rate, KL (nats)", "evaluate/rate"),
    ("Distortion (nats)", "evaluate/distortion"),
    ("Squared error a pixel", "evaluate/mse"),
    ("Fréchet distance, Inception", "fid/fid"),
    ("Fréchet distance, classifier", "fid/fid_classifier"),
    ("… of z from a mixture fitted to q(z)", "fid/fid_classifier_ex_post"),
    ("… real against real", "fid/fid_classifier_floor"),
    ("Samples of a class that the classifier takes for it", "fid/conditional_accuracy"),
    ("Active units of {diagnose/latent_dims}", "diagnose/active_units"),
    ("Perplexity of the {diagnose/codes} codes", "diagnose/code_perplexity"),
)

MetricValues = Mapping[str, float | str]


def gather(outputs: Path) -> dict[str, float | str]:
    """Returns every stage's metrics as `<stage>/<name>`."""
    return {
        f"{stage}/{name}": value
        for stage in MEASURED_STAGES
        for name, value in read_json(outputs / stage / "metrics.json").items()
    }


def numbers(metrics: MetricValues) -> dict[str, float]:
    """Returns the metrics that are numbers."""
    return {name: value for name, value in metrics.items() if not isinstance(value, str)}


def words(metrics: MetricValues) -> dict[str, str]:
    """Returns those that are words, such as why a distance was not computed."""
    return {name: value for name, value in metrics.items() if isinstance(value, str)}


def artifacts(outputs: Path) -> dict[str, str]:
    """Returns the files that belong to a run, each with its folder in it."""
    found = {"checkpoints": outputs.glob("train/checkpoints/[bl]*.pt"), "report": outputs.glob("report/*.*")}
    found |= {f"plots/{stage}": outputs.glob(f"{stage}/plots/*.png") for stage in MEASURED_STAGES}
    found |= {f"tables/{stage}": outputs.glob(f"{stage}/*.csv") for stage in MEASURED_STAGES}
    found["logs"] = outputs.glob("train/training.log")
    return {str(path): folder for folder, paths in found.items() for path in sorted(paths)}


def stage_pictures(outputs: Path) -> dict[str, str]:
    """Returns every stage's pictures, each under `<stage>/<name>`."""
    return {
        f"{stage}/{path.stem}": str(path)
        for stage in MEASURED_STAGES
        for path in sorted(outputs.glob(f"{stage}/plots/*.png"))
    }


def copy_pictures(outputs: Path) -> list[str]:
    """Copies every stage's pictures beside the summary, and returns their paths from there."""
    (outputs / "report" / "plots").mkdir(parents=True, exist_ok=True)
    pictures = [
        path for stage in sorted(MEASURED_STAGES) for path in sorted(outputs.glob(f"{stage}/plots/*.png"))
    ]
    for picture in pictures:
        shutil.copyfile(picture, outputs / "report" / "plots" / picture.name)
    return [f"plots/{picture.name}" for picture in pictures]


def summary_markdown(
    metrics: MetricValues,
    params: Mapping[str, Any],
    changed: str,
    findings: Sequence[Finding],
    pictures: Sequence[str],
    log: str,
) -> str:
    """Returns the summary as Markdown: what was varied, findings, figures, pictures, training, numbers."""
    return "\n".join(
        [
            "# Summary",
            "",
            f"Params that differ from the committed ones: {changed or 'none'}",
            "",
            "```",
            findings_text(findings),
            "```",
            "",
            "| | mean ± standard error |",
            "|---|---|",
            *headline_rows(metrics),
            "",
            *(f"![{Path(picture).stem}]({picture})" for picture in pictures),
            "",
            "## Training",
            "",
            "```",
            log.rstrip(),
            "```",
            "",
            *_table("Params", flatten_params(params)),
            *_table("Every metric", metrics),
        ]
    )


def _table(title: str, values: Mapping[str, Any]) -> list[str]:
    rows = [f"| {name} | {value} |" for name, value in values.items()]
    return [f"## {title}", "", "| | |", "|---|---|", *rows, ""]


def headline_rows(metrics: MetricValues) -> list[str]:
    """Returns a Markdown row for each headline figure that there is."""
    return [f"| {label} | {value} |" for label, value in _shown(metrics)]


def headline_text(metrics: MetricValues) -> str:
    """Returns the headline figures, a line each."""
    shown = _shown(metrics)
    width = max(len(label) for label, _ in shown)
    return "\n".join(f"{label:{width}}  {value}" for label, value in shown)


def known_headlines(metrics: MetricValues) -> list[tuple[str, str]]:
    """Returns the headline figures that there are: each one's label, and the metric that it is."""
    return [(_filled(label, metrics), name) for label, name in HEADLINES if name in metrics]


def _shown(metrics: MetricValues) -> list[tuple[str, str]]:
    return [(label, estimate_text(metrics, name)) for label, name in known_headlines(metrics)]


def _filled(label: str, metrics: MetricValues) -> str:
    """Returns a label with each `{metric}` in it replaced by its value."""
    return re.sub(r"{(.+?)}", lambda match: str(metrics.get(match[1], "?")), label)

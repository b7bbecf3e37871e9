"""The summary of a run: the metrics and pictures of all stages."""

import re
import shutil
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from vaeline.core.files import read_json
from vaeline.core.nouns import IMAGE, ROW, Noun
from vaeline.core.params import flatten_params
from vaeline.diagnosis.finding import Finding, findings_text
from vaeline.evaluation.estimators.estimate import estimate_text
from vaeline.runtime.stage import MEASURED_STAGES

HEADLINES = (
    ("ELBO, test (nats)", "evaluate/elbo"),
    ("IWAE-{evaluate/iwae_k}, test (nats)", "evaluate/iwae"),
    ("… its effective sample size", "evaluate/ess"),
    ("… in bits per dimension", "evaluate/bits_per_dim"),
    ("NLL, test, minus the published {evaluate/target_nll}: {evaluate/verdict}", "evaluate/nll_minus_target"),
    ("Annealed importance sampling on {evaluate/ais_images} {examples}, test (nats)", "evaluate/ais"),
    ("… minus IWAE-{evaluate/iwae_k} on the same {examples}", "evaluate/ais_minus_iwae"),
    ("Bits an image, in a file of {evaluate/compressed_images} test images", "evaluate/compressed_bits"),
    ("… −ELBO of the same images in bits, at the z in the file", "evaluate/compressed_bits_bound"),
    ("Rate, KL, test (nats)", "evaluate/rate"),
    ("Distortion, test (nats)", "evaluate/distortion"),
    ("Squared error per {value}, test", "evaluate/mse"),
    ("Fréchet distance, Inception", "fid/fid"),
    ("Fréchet distance, classifier", "fid/fid_classifier"),
    ("… with z from a mixture fitted to q(z)", "fid/fid_classifier_ex_post"),
    ("… real against real", "fid/fid_classifier_floor"),
    ("Share of class samples that the classifier recognises", "fid/conditional_accuracy"),
    ("Active units of {diagnose/latent_dims}, valid", "diagnose/active_units"),
    ("Perplexity of the {diagnose/codes} codes, valid", "diagnose/code_perplexity"),
)
"""Labels and names of the headline figures.

`{name}` in a label is the value of a metric, or a word of `run_noun`; a label that begins with … belongs to
the figure above it.
"""

MARKUP = re.compile(r"[\\`*\[\]|$~]|(?<!\w)_|_(?!\w)")
ENTITY = re.compile(r"&(?=#?\w+;)")
MetricValues = Mapping[str, float | str]
"""Metrics of all stages, as `<stage>/<name>`."""


def gather_metrics(outputs: Path) -> dict[str, float | str]:
    """Returns the metrics of every stage in the folder `outputs`."""
    return {
        f"{stage}/{name}": value
        for stage in MEASURED_STAGES
        for name, value in read_json(outputs / stage / "metrics.json").items()
    }


def run_noun(metrics: MetricValues) -> Noun:
    """Returns what the examples of a run are called: prepare counts the columns of rows alone."""
    return ROW if "prepare/columns" in metrics else IMAGE


def numeric_metrics(metrics: MetricValues) -> dict[str, float]:
    """Returns the metrics that are numbers."""
    return {name: value for name, value in metrics.items() if not isinstance(value, str)}


def text_metrics(metrics: MetricValues) -> dict[str, str]:
    """Returns the metrics that are text, such as why a distance was not computed."""
    return {name: value for name, value in metrics.items() if isinstance(value, str)}


def run_artifacts(outputs: Path) -> dict[str, str]:
    """Returns the files that are kept with a run: the folder in the run, by path."""
    files = {"checkpoints": outputs.glob("train/checkpoints/[bl]*.pt"), "report": outputs.glob("report/*.*")}
    files |= {f"plots/{stage}": outputs.glob(f"{stage}/plots/*.png") for stage in MEASURED_STAGES}
    files |= {f"tables/{stage}": outputs.glob(f"{stage}/*.csv") for stage in MEASURED_STAGES}
    files["logs"] = outputs.glob("train/training.log")
    return {str(path): folder for folder, paths in files.items() for path in sorted(paths)}


def stage_pictures(outputs: Path) -> dict[str, str]:
    """Returns the paths of all stages' pictures, by `<stage>/<name>`."""
    return {
        f"{stage}/{path.stem}": str(path)
        for stage in MEASURED_STAGES
        for path in sorted(outputs.glob(f"{stage}/plots/*.png"))
    }


def copy_pictures(outputs: Path) -> list[str]:
    """Copies all stages' pictures into the report, and returns their paths relative to it."""
    (outputs / "report" / "plots").mkdir(parents=True, exist_ok=True)
    pictures = [
        path for stage in sorted(MEASURED_STAGES) for path in sorted(outputs.glob(f"{stage}/plots/*.png"))
    ]
    for picture in pictures:
        shutil.copyfile(picture, outputs / "report" / "plots" / picture.name)
    return [f"plots/{picture.name}" for picture in pictures]


def markdown_text(text: str) -> str:
    """Returns text in one line of Markdown, of which nothing is markup or a cell's end."""
    escaped = MARKUP.sub(lambda match: f"\\{match[0]}", ENTITY.sub("&amp;", text))
    escaped = escaped.replace("<", "&lt;").replace(">", "&gt;")
    return " ".join(escaped.split())


def code_block(text: str) -> list[str]:
    """Returns the lines of a block of code in Markdown, in a fence that is longer than any in the text."""
    fence = "`" * (1 + max(2, *map(len, re.findall("`+", text) or [""])))
    return [fence, text, fence]


def code_span(text: str) -> str:
    """Returns code within a line of Markdown."""
    ticks = "`" * (1 + max(map(len, re.findall("`+", text)), default=0))
    space = " " if ticks != "`" else ""
    return f"{ticks}{space}{' '.join(text.split())}{space}{ticks}".replace("|", r"\|")


def summary_markdown(
    metrics: MetricValues,
    params: Mapping[str, Any],
    changes: str,
    findings: Sequence[Finding],
    pictures: Sequence[str],
    log: str,
    data: Sequence[str] = (),
) -> str:
    """Returns the summary as Markdown.

    Args:
        metrics: Metrics of all stages.
        params: Params of the run, nested.
        changes: How they differ from the committed params, in one line, or "".
        findings: What the detectors say.
        pictures: Paths of pictures, relative to the summary.
        log: The log of the training.
        data: What the data are, a line each.
    """
    return "\n".join(
        [
            "# Summary",
            "",
            f"Params that differ from the committed ones: {markdown_text(changes) or 'none'}",
            "",
            *code_block(findings_text(findings)),
            "",
            *headline_table(metrics),
            "",
            *(f"![{Path(picture).stem}]({picture})" for picture in pictures),
            "",
            *(["## Data", "", *code_block("\n".join(data)), ""] if data else []),
            "## Training",
            "",
            *code_block(log.rstrip()),
            "",
            *_table("Params", flatten_params(params)),
            *_table("Every metric", metrics),
        ]
    )


def _table(title: str, values: Mapping[str, Any]) -> list[str]:
    rows = [f"| {name} | {markdown_text(str(value))} |" for name, value in values.items()]
    return [f"## {title}", "", "| | |", "|---|---|", *rows, ""]


def headline_table(metrics: MetricValues) -> list[str]:
    """Returns the lines of a Markdown table of the headline figures among `metrics`."""
    rows = [f"| {label} | {value} |" for label, value in _headline_texts(metrics)]
    return ["| | mean ± standard error |", "|---|---|", *rows]


def headline_text(metrics: MetricValues) -> str:
    """Returns the headline figures among `metrics`, one a line."""
    texts = _headline_texts(metrics)
    width = max(len(label) for label, _ in texts)
    return "\n".join(f"{label:{width}}  {value}" for label, value in texts)


def headline_labels(metrics: MetricValues) -> list[tuple[str, str]]:
    """Returns label and metric name of each headline figure among `metrics`."""
    return [(_filled(label, metrics), name) for label, name in HEADLINES if name in metrics]


def _headline_texts(metrics: MetricValues) -> list[tuple[str, str]]:
    return [(label, estimate_text(metrics, name)) for label, name in headline_labels(metrics)]


def _filled(label: str, metrics: MetricValues) -> str:
    """Returns a label with each `{metric}`, and each word for the examples, replaced by its value."""
    values = {**run_noun(metrics)._asdict(), **metrics}
    return re.sub(r"{(.+?)}", lambda match: str(values.get(match[1], "?")), label)

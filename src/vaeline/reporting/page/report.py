"""The page of one run."""

import shlex
from collections.abc import Mapping, Sequence
from typing import Any

from vaeline.core.params import flatten_params, param_text
from vaeline.provenance.commands import exp_run_command, override_value
from vaeline.reporting.page.figures import evidence_text, figures_by_stage, headline_figures
from vaeline.reporting.page.pictures import picture_sections
from vaeline.reporting.page.rendering import render
from vaeline.reporting.page.run import RunResults
from vaeline.reporting.summary import MetricValues, run_noun

ORIGINS = {
    "git.commit": "Commit",
    "git.dirty": "Code differs from the commit",
    "dvc.baseline": "Baseline of the experiment",
    "dvc.experiment": "Experiment",
    "init_from": "Initial weights",
    "init_from.md5": "MD5 of the initial weights",
    "hardware.cpu": "Processor",
    "hardware.cores": "Cores available",
    "hardware.memory": "Memory",
    "hardware.gpu": "GPU",
}
YES_NO = {"true": "yes", "false": "no"}


def run_page(run: RunResults, committed: Mapping[str, Any], experiment: str = "") -> str:
    """Returns the HTML page of a run.

    Args:
        run: Its results.
        committed: The committed params, with dotted keys, that its own are compared with; may be empty.
        experiment: Name of the DVC experiment, or "".
    """
    params = flatten_params(run.params)
    changes = {
        key: value
        for key, value in params.items()
        if key in committed and param_text(committed[key]) != param_text(value)
    }
    return render(
        "report.html",
        run=run,
        evidence_text=evidence_text,
        changed={
            key: (override_value(value), override_value(committed[key])) for key, value in changes.items()
        },
        committed=bool(committed),
        params={key: override_value(value) for key, value in params.items()},
        headlines=headline_figures(run.metrics),
        stages=figures_by_stage(run.metrics),
        noun=run_noun(run.metrics),
        pictures=picture_sections(run.pictures, run_noun(run.metrics)),
        origins=origin_rows(run.training, run.evaluation),
        splits=split_rows(run.metrics),
        experiment=experiment,
        apply=shlex.join(["dvc", "exp", "apply", experiment]),
        reproduce=reproduce_command(run.evaluation, changes),
        compare=compare_commands(experiment),
        dirty="true" in (run.training.get("git.dirty"), run.evaluation.get("git.dirty")),
    )


def origin_rows(training: Mapping[str, Any], report: Mapping[str, Any]) -> list[tuple[str, str, str]]:
    """Returns commit, machine and versions: title, value of the training, value of the report."""
    versions = sorted(key for key in {*training, *report} if key.startswith("version."))
    rows = [(name, training.get(name, "–"), report.get(name, "–")) for name in [*ORIGINS, *versions]]
    return [
        (
            ORIGINS.get(name, name.removeprefix("version.")),
            *(YES_NO.get(value, value) for value in (of_training, of_report)),
        )
        for name, of_training, of_report in rows
        if (of_training, of_report) != ("–", "–")
    ]


def split_rows(metrics: MetricValues) -> list[tuple[str, str, str]]:
    """Returns name, number of examples and SHA-256 of each split."""
    digests = {split: f"prepare/{split}_sha256" for split in ("train", "valid", "test")}
    return [
        (split, str(metrics.get(f"prepare/{split}_size", "–")), str(metrics[digest]))
        for split, digest in digests.items()
        if digest in metrics
    ]


def reproduce_command(origin: Mapping[str, Any], changes: Mapping[str, Any]) -> str:
    """Returns the command that repeats the run from the commit that its params are changed from."""
    commit = origin.get("dvc.baseline") or origin.get("git.commit")
    return f"git checkout {commit} && {exp_run_command(changes)}" if commit else exp_run_command(changes)


def compare_commands(experiment: str) -> Sequence[tuple[str, str]]:
    """Returns commands that compare the run with others, each after a description."""
    return (
        (
            "This run beside the committed run, on one page",
            shlex.join(["vaeline", "compare", "HEAD", experiment or "workspace"]),
        ),
        ("Params and metrics of every experiment", "dvc exp show --only-changed"),
        ("Every recorded run, in MLflow", "make ui"),
    )

"""The page of one run."""

import shlex
from collections.abc import Mapping, Sequence
from typing import Any

from vaeline.core.params import flatten_params, param_text
from vaeline.provenance.commands import exp_run_command, override_value
from vaeline.reporting.page import figures
from vaeline.reporting.page.pictures import sections
from vaeline.reporting.page.rendering import render
from vaeline.reporting.page.run import RunResults

ORIGINS = {
    "git.commit": "Commit",
    "git.dirty": "Code changed since that commit",
    "dvc.baseline": "Baseline of the experiment",
    "dvc.experiment": "Experiment",
    "hardware.cpu": "Processor",
    "hardware.cores": "Cores that it could use",
    "hardware.memory": "Memory",
    "hardware.gpu": "GPU",
}
YES_NO = {"true": "yes", "false": "no"}


def run_page(run: RunResults, committed: Mapping[str, Any], experiment: str = "") -> str:
    """Returns the HTML of a run. `committed` are the params that it is set off against, with dotted keys."""
    params = flatten_params(run.params)
    changed = {
        k: v for k, v in params.items() if k in committed and param_text(committed[k]) != param_text(v)
    }
    return render(
        "report.html",
        run=run,
        figures=figures,
        changed={
            key: (override_value(value), override_value(committed[key])) for key, value in changed.items()
        },
        committed=bool(committed),
        params={key: override_value(value) for key, value in params.items()},
        headlines=figures.headline_figures(run.metrics),
        stages=figures.by_stage(run.metrics),
        pictures=sections(run.pictures),
        origins=origins(run.training, run.evaluation),
        data=data(run.metrics),
        experiment=experiment,
        apply=shlex.join(["dvc", "exp", "apply", experiment]),
        reproduce=reproduce(run.evaluation, changed),
        compare=compare(experiment),
        dirty="true" in (run.training.get("git.dirty"), run.evaluation.get("git.dirty")),
    )


def origins(training: Mapping[str, Any], report: Mapping[str, Any]) -> list[tuple[str, str, str]]:
    """Returns what is known of the training and of the report: commit, machine and versions, by name."""
    names = [*ORIGINS, *sorted(key for key in training | report if key.startswith("version."))]
    rows = [(name, training.get(name, "–"), report.get(name, "–")) for name in names]
    return [
        (ORIGINS.get(name, name.removeprefix("version.")), YES_NO.get(one, one), YES_NO.get(other, other))
        for name, one, other in rows
        if (one, other) != ("–", "–")
    ]


def data(metrics: Mapping[str, Any]) -> list[tuple[str, Any, str]]:
    """Returns each split's name, number of images and SHA-256."""
    splits = [(split, f"prepare/{split}_sha256") for split in ("train", "valid", "test")]
    return [
        (split, metrics.get(f"prepare/{split}_size", "–"), metrics[name])
        for split, name in splits
        if name in metrics
    ]


def reproduce(made: Mapping[str, Any], changed: Mapping[str, Any]) -> str:
    """Returns the command that runs it again, from the commit that its params are a change of."""
    commit = made.get("dvc.baseline") or made.get("git.commit")
    return f"git checkout {commit} && {exp_run_command(changed)}" if commit else exp_run_command(changed)


def compare(experiment: str) -> Sequence[tuple[str, str]]:
    """Returns commands that set it beside others, each with what it does."""
    return (
        (
            "This run beside the committed one, in one page",
            f'make report RUNS="HEAD {experiment or "workspace"}"',
        ),
        ("Params and metrics of every experiment", "dvc exp show --only-changed"),
        ("Every recorded run, in MLflow", "make ui"),
    )

"""Experiments that differ in one param: run one after the other, and gathered into one table.

They run by `dvc exp run --temp` and not through DVC's queue: where a worker of the queue is killed, its
experiment is listed as running for ever and not taken up again. Here the same command goes on with it.
"""

import os
import re
import shlex
import sys
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import pandas as pd
from tqdm import tqdm

from vaeline.core.errors import VaelineError
from vaeline.core.progress import bar
from vaeline.experiments.find import Experiment, find, metrics_at, params_with
from vaeline.experiments.launch import failure, running_experiment, stoppable, watch

PARAMS = {"BETA": "beta", "SEEDS": "seed"}
CHANGED = "code or params.yaml have changed while it ran: give the same command again"
# Columns of a table of experiments and the metrics that they hold, each followed by its standard error.
METRICS = {
    "elbo": "evaluate/elbo",
    "iwae": "evaluate/iwae",
    "rate": "evaluate/rate",
    "distortion": "evaluate/distortion",
    "fid_classifier": "fid/fid_classifier",
    "fid_classifier_floor": "fid/fid_classifier_floor",
    "fid": "fid/fid",
    "fid_floor": "fid/fid_floor",
    "active_units": "diagnose/active_units",
    "latent_dims": "diagnose/latent_dims",
    "iwae_k": "evaluate/iwae_k",
    "images": "evaluate/images",
    "fid_samples": "fid/fid_samples",
}


@dataclass(frozen=True)
class Sweep:
    """What one value of `key` after the other came to: a table of experiments, and why others failed."""

    key: str
    shared: Sequence[str]
    table: pd.DataFrame
    failures: Mapping[Any, str]
    command: str


def sweep(key: str, values: Sequence[str], shared: Sequence[str], command: str) -> Sweep:
    """Runs what is not there yet of `key` = each of `values`, with the overrides `shared`, and gathers all.

    Every value is checked before the first is run. A failure is kept, and the next one is run.
    Raises VaelineError where a param is wrong, DVC cannot run anything here, or nothing came of any value.
    """
    wanted = {}
    for value in values:
        overrides = [*shared, f"{key}={value}"]
        params = params_with(overrides)
        wanted[params[key]] = overrides, params
    wanted = dict(sorted(wanted.items()))
    missing = [value for value, (_, params) in wanted.items() if not find(params)]
    reasons = {}
    with bar(total=len(wanted), initial=len(wanted) - len(missing), desc=key, unit=" experiments") as shown:
        for value in missing:
            reasons[value] = _run(wanted[value][0], shown)
            shown.update()
    found = {value: find(params) for value, (_, params) in wanted.items()}
    failures = {value: reasons.get(value) or CHANGED for value, experiment in found.items() if not experiment}
    if len(failures) == len(wanted):
        raise VaelineError("; ".join(dict.fromkeys(failures.values())))
    return Sweep(key, shared, sweep_table(key, {v: e for v, e in found.items() if e}), failures, command)


def _run(overrides: Sequence[str], shown: tqdm) -> str:
    """Returns why the experiment failed, or ``."""
    name = re.sub(r"[^\w.=+-]", "_", "_".join(reversed(overrides)))
    with running_experiment(overrides, name) as process:
        watch(process, name, shown)
    reason = failure(name) if process.returncode else ""
    tqdm.write(reason or f"{name}: done", file=sys.stderr)
    return reason


def sweep_table(key: str, experiments: Mapping[Any, Experiment]) -> pd.DataFrame:
    """Returns a row for each experiment: the key's value, METRICS with their `_se`, its name and revision.

    A metric that no experiment has is no column: there is no `fid` without Inception's weights.
    """
    rows = []
    for value, experiment in experiments.items():
        known = metrics_at(experiment.rev)
        pairs = [(c + end, m + end) for c, m in METRICS.items() for end in ("", "_se")]
        row = {column: known[metric] for column, metric in pairs if metric in known}
        rows.append({key: value} | row | {"experiment": experiment.name, "revision": experiment.rev})
    return pd.DataFrame(rows)


def command(target: str, key: str, default: str, write: Callable[[Sweep], str]) -> None:
    """Runs `make <target>`, whose values stand in the environment: `make frontier BETA="1 2" SET="epochs=9"`.

    Ends with status 1 and a line for what is wrong, stopped or failed; what could be written has been.
    """
    values = (os.environ.get(key) or default).split()
    shared = shlex.split(os.environ.get("SET", ""))
    settings = {key: " ".join(values)} | ({"SET": " ".join(shared)} if shared else {})
    typed = " ".join(["make", target, *(f'{name}="{setting}"' for name, setting in settings.items())])
    with stoppable(target):
        swept = sweep(PARAMS[key], values, shared, typed)
        print(write(swept))
    if swept.failures:
        sys.exit(f"{target}: {len(swept.failures)} failed, see above; the table has the others")

"""A grid of experiments: run where they are placed, and gathered into one table.

They run with `dvc exp run --temp` and not through DVC's queue: if a worker of the queue is killed, its
experiment stays listed as running and is never resumed. Here the same command resumes it.
"""

import hashlib
import itertools
import re
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import pandas as pd

from vaeline.core.errors import VaelineError
from vaeline.core.params import flatten_params, param_text
from vaeline.experiments.find import Experiment, find, metrics_at, params_with
from vaeline.experiments.launch import unused_name
from vaeline.experiments.overrides import parsed_range
from vaeline.experiments.search.jobs import Job
from vaeline.experiments.search.placement import HERE, Placement

INTEGERS = re.compile(r"(-?\d+)\.\.(-?\d+)")
LONGEST_EXPERIMENT = 120  # bytes; a file's may have 255, with what is appended to it
MOST_INTEGERS = 1000  # in a range
CODE_CHANGED = "code or params.yaml have changed while it ran: run the same command again"
SWEPT_METRICS = {
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
"""The columns of a table of experiments and their metrics; standard errors are in `<column>_se`."""

Point = tuple[Any, ...]
"""The values of the swept params of one experiment, in the order of their keys."""


@dataclass(frozen=True)
class Sweep:
    """What a grid of experiments came to.

    Attributes:
        keys: The params that differ, dotted.
        shared: `key=value` for each param that all experiments change.
        table: A row for each experiment, see `sweep_table`.
        failures: Why the other experiments failed, by point.
        command: The command that runs the same grid again.
    """

    keys: Sequence[str]
    shared: Sequence[str]
    table: pd.DataFrame
    failures: Mapping[Point, str]
    command: str


def parse_grid(settings: Sequence[str]) -> dict[str, list[str]]:
    """Returns the values of each key of `key=value,value,…`; commas in brackets or quotes do not separate.

    `key=1..5` stands for the whole numbers from 1 to 5.

    Raises:
        VaelineError: If a setting has no key or no value, or if a key is set twice.
    """
    grid: dict[str, list[str]] = {}
    for setting in settings:
        key, _, values = setting.partition("=")
        if not (key and values.strip(", ")):
            raise VaelineError(f"'{setting}' is no range: expected key=value,value,… as in beta=0.5,1,2")
        if key in grid:
            raise VaelineError(f"'{key}' is swept twice: give all of its values in one {key}=value,value,…")
        grid |= [parsed_range(f"{key}={_listed(key, values)}")]
    return grid


def _listed(key: str, values: str) -> str:
    """Returns `1,2,3` for `1..3`, and all else as it is."""
    if not (ends := INTEGERS.fullmatch(values.strip())):
        return values
    first, last = map(int, ends.groups())
    if last < first:
        raise VaelineError(f"{key}={values} has no values: did you mean {last}..{first}?")
    if last - first >= MOST_INTEGERS:
        raise VaelineError(f"{key}={values} has more than {MOST_INTEGERS} values: use fewer")
    return ",".join(map(str, range(first, last + 1)))


def sweep(
    grid: Mapping[str, Sequence[str]], shared: Sequence[str], command: str, placement: Placement = HERE
) -> Sweep:
    """Runs the experiments of a grid that have not run yet, and gathers the results of all.

    Every point is checked before the first one runs. If an experiment fails, the next one runs.

    Args:
        grid: The values of each param that is swept.
        shared: `key=value` for each param that all experiments change.
        command: The command that runs the same grid again, for the page.
        placement: Where they run.

    Raises:
        VaelineError: If a param is wrong, DVC cannot run experiments here, or all experiments failed.
    """
    keys = list(grid)
    if twice := [override for override in shared if override.partition("=")[0] in grid]:
        raise VaelineError(f"'{twice[0]}' sets a param that is swept: leave one of them out")
    wanted = _points(grid, shared)
    missing = [point for point, (_, params) in wanted.items() if not find(params)]
    reasons = _run_missing({point: [*wanted[point][0], *shared] for point in missing}, placement, len(wanted))
    finished = {point: experiment for point, (_, params) in wanted.items() if (experiment := find(params))}
    failures = {point: reasons.get(point) or CODE_CHANGED for point in wanted if point not in finished}
    if not finished:
        raise VaelineError("; ".join(dict.fromkeys(failures.values())))
    return Sweep(keys, shared, sweep_table(keys, finished), failures, command)


def point_text(keys: Sequence[str], point: Point) -> str:
    """Returns a point as text: `beta = 4, latent_dim = 10`."""
    return ", ".join(f"{key} = {param_text(value)}" for key, value in zip(keys, point, strict=True))


def _points(
    grid: Mapping[str, Sequence[str]], shared: Sequence[str]
) -> dict[Point, tuple[list[str], dict[str, Any]]]:
    """Returns the overrides and the params of each point, in rising order; 1 and 1.0 are one point."""
    points = {}
    for values in itertools.product(*grid.values()):
        overrides = [f"{key}={value}" for key, value in zip(grid, values, strict=True)]
        params = params_with([*shared, *overrides])
        flat = flatten_params(params)
        points[tuple(_hashable(flat[key]) for key in grid)] = overrides, params
    return dict(sorted(points.items(), key=lambda item: tuple(map(_rank, item[0]))))


def _hashable(value: Any) -> Any:
    return param_text(value) if isinstance(value, list) else value


def _rank(value: Any) -> tuple[bool, float, str]:
    """Returns what a value is sorted by: numbers first, by size, then all others as text."""
    number = isinstance(value, int | float)
    return not number, float(value) if number else 0.0, "" if number else str(value)


def experiment_name(overrides: Sequence[str]) -> str:
    """Returns a name for an experiment that git takes for a reference, and that a file can have."""
    name = re.sub(r"[^\w.=+-]|\.(?=\.|lock\b|$)", "_", "_".join(overrides))
    if len(name.encode()) <= LONGEST_EXPERIMENT:
        return name
    digest = hashlib.sha256(name.encode()).hexdigest()[:8]
    return f"{name.encode()[:LONGEST_EXPERIMENT].decode(errors='ignore')}_{digest}"


def _run_missing(
    overrides: Mapping[Point, Sequence[str]], placement: Placement, total: int
) -> dict[Point, str]:
    """Runs the experiments of points, and returns why each one failed, or "" if it succeeded."""
    points: dict[Job, Point] = {}

    def jobs() -> Iterator[Job]:
        for point, of_point in overrides.items():
            job = Job(unused_name(experiment_name(of_point)), tuple(of_point))
            points[job] = point
            yield job

    if not overrides:
        return {}
    reasons = {}
    with placement.running(jobs(), total, total - len(overrides)) as runs:
        for job, progress in runs:
            reasons[points[job]] = progress.reason
    return reasons


def sweep_table(keys: Sequence[str], experiments: Mapping[Point, Experiment]) -> pd.DataFrame:
    """Returns a row for each experiment: its point, SWEPT_METRICS with their `_se`, its name and revision.

    A metric that no experiment has is no column: `fid` needs Inception's weights.
    """
    columns = {c + end: m + end for c, m in SWEPT_METRICS.items() for end in ("", "_se")}
    rows: list[dict[str, Any]] = []
    for point, experiment in experiments.items():
        metrics = metrics_at(experiment.rev)
        row = {column: metrics[metric] for column, metric in columns.items() if metric in metrics}
        made_by = {"experiment": experiment.name, "revision": experiment.rev}
        rows.append(dict(zip(keys, point, strict=True)) | row | made_by)
    return pd.DataFrame(rows)

"""The clinic's table, as Markdown."""

from collections.abc import Mapping, Sequence
from typing import Any

from scipy.stats import beta

from vaeline.diagnosis.detectors import DETECTORS
from vaeline.diagnosis.finding import Evidence, problems
from vaeline.evaluation.estimators.estimate import estimate_text
from vaeline.experiments import presets, tables
from vaeline.experiments.clinic.cases import BASE, Row
from vaeline.experiments.clinic.trial import Trial
from vaeline.provenance.commands import override_arguments

TITLES = {detector.name: detector.title for detector in DETECTORS}
LEVEL = 0.95
HEADING = ["Failure", "Provoked with", "Found", "ELBO before", "Remedy", "ELBO after", "Cured"]

INTRODUCTION = """# The clinic

Each failure is provoked by a configuration of its own on {train:,} MNIST images. What diagnose finds of it is
read, exactly the command that it prints is run, and the same is looked at again. *Cured* says that the
failure is more likely gone than not, and that the ELBO of {valid:,} validation images at β = 1, or else the
measure that told of the failure, is better than before.

"""
BETWEEN = """
ELBO: nats an image, ± its standard error over images; those of Gaussian likelihoods are densities of pixels
and compare among themselves alone. *Remedy*: what the printed command adds; the whole of it is below.

## False alarms

{runs} sound trainings that differ by seed alone ({budget}), each looked at by all {detectors} detectors:
**{alarms} with a finding**{which}. So the share of sound trainings such as these with a false alarm is below
{bound:.0%}, at {level:.0%} confidence (Clopper & Pearson 1934).

## Evidence

What told of each failure, before the remedy and after it, beside what is sound, and the command as it was
printed. **Bold** is what is not sound. Some failures take two measures: overfitting a gap besides the
decline, underfitting a curve that still rises, dead dimensions others that are crowded or cost too much.

"""
MADE = """
`make clinic` runs what has not run at this code, and writes this page and docs/results/clinic.json; no number in it
is typed. The epochs of its {trainings} trainings took {minutes:.0f} minutes, beside the load that there was.
"""


def bound(alarms: int, runs: int) -> float:
    """Returns the upper end of the one-sided interval of Clopper & Pearson for a rate, from its count."""
    return 1.0 if alarms == runs else float(beta.ppf(LEVEL, alarms + 1, runs - alarms))


def markdown(rows: Sequence[Row], sound: Sequence[Trial]) -> str:
    """Returns the page of all cases and of the sound trainings."""
    alarms = [[one.name for one in problems(trial.findings)] for trial in sound]
    treated = [row for row in rows if row["after"]] + [row["advised"] for row in rows if row["advised"]]
    # By the same clock: a training that several remedies lead to is one. A diverged one has no time.
    seconds = {trial.seconds for trial in sound} | {row["seconds"] for row in rows}
    seconds = (seconds | {row["after"]["seconds"] for row in treated}) - {0.0}
    budget = presets.config(presets.preset_overrides(BASE))
    false = [names for names in alarms if names]
    which = "; ".join(", ".join(TITLES[name].lower() for name in names) for names in false)
    parts = [
        INTRODUCTION.format(train=budget.data.train_size, valid=budget.data.valid_size),
        tables.markdown_table([HEADING, *map(_row, rows)]) + "\n",
        BETWEEN.format(
            runs=len(alarms),
            budget=f"{budget.epochs} epochs, all else as in params.yaml",
            detectors=len(DETECTORS),
            alarms=len(false),
            which=f" ({which})" if which else "",
            bound=bound(len(false), len(alarms)),
            level=LEVEL,
        ),
        *map(_evidence, rows),
        MADE.format(trainings=len(seconds), minutes=sum(seconds) / 60),
    ]
    return "".join(parts)


def _row(row: Row) -> list[str]:
    after = row["after"] or {}
    return [
        TITLES[row["mode"]],
        f"{row['why']}: `{' '.join(override_arguments(row['provoked_with']))}`",
        f"yes, {row['sure']:.0%} sure" if row["found"] else "**no**",
        _elbo(row),
        f"`{' '.join(override_arguments(row['changes']))}`" if row["changes"] else "–",
        _elbo(after),
        "yes" if row["cured"] else "**no**",
    ]


def _elbo(values: Mapping[str, Any]) -> str:
    return estimate_text(values, "elbo") if values.get("elbo") is not None else "–"


def _evidence(row: Row) -> str:
    after = {(one["name"], one["threshold"]): one for one in (row["after"] or {}).get("evidence", [])}
    heading = f"### {TITLES[row['mode']]}: `{' '.join(override_arguments(row['provoked_with']))}`"
    lines = [["measure", "before", "after", "sound", "why there"]]
    for one in row["evidence"]:
        then = after.get((one["name"], one["threshold"]))
        sign = {"above": "≤", "below": "≥"}[one["beyond"]]
        sound = f"{sign} {one['threshold']:g} {one['unit']}".strip()
        lines.append([f"`{one['name']}`", _value(one), _value(then), sound, one["reason"]])
    others = f"\nAlso found: {', '.join(row['others_found'])}.\n" if row["others_found"] else ""
    left = (row["after"] or {}).get("found")
    others += f"\nFound after the remedy: {', '.join(left)}.\n" if left else ""
    if advised := row["advised"]:
        done = "cures as well" if advised["cured"] else "does **not** cure"
        settings = " ".join(override_arguments(advised["changes"]))
        others += f"\nWhat is commonly advised, `{settings}`, {done}: ELBO {_elbo(advised['after'])}.\n"
    return (
        f"{heading}\n\n{tables.markdown_table(lines)}\n\n```\n{row['remedy'] or 'no remedy'}\n```\n{others}\n"
    )


def _value(one: Mapping[str, Any] | None) -> str:
    if one is None:
        return "–"
    value = estimate_text({"v": one["value"], **({"v_se": one["se"]} if one["se"] else {})}, "v")
    return f"**{value}**" if Evidence(**one).sure > 0.5 else value

"""The clinic's page, as Markdown."""

from collections.abc import Mapping, Sequence
from typing import Any

from scipy.stats import beta

from vaeline.diagnosis.detectors import DETECTORS
from vaeline.diagnosis.finding import Evidence, problems
from vaeline.evaluation.estimators.estimate import estimate_text
from vaeline.experiments.clinic.cases import SOUND, CaseRow
from vaeline.experiments.clinic.trial import Trial
from vaeline.experiments.markdown import markdown_table
from vaeline.experiments.presets import preset_config
from vaeline.provenance.commands import override_arguments
from vaeline.reporting.summary import code_block, code_span, markdown_text

DETECTOR_TITLES = {detector.name: detector.title for detector in DETECTORS}
CONFIDENCE = 0.95
CLINIC_HEADINGS = ["Failure", "Provoked with", "Found", "ELBO before", "Remedy", "ELBO after", "Cured"]
CLINIC_TEXT = """# The clinic

Each failure is provoked by a configuration of its own, on {train:,} MNIST images unless it names other data.
The findings of diagnose are read, exactly the command that they print is run, and the same detectors look
again. *Cured* says that the failure is more likely gone than not, and that either the ELBO of validation
images ({valid:,} of MNIST) at β = 1 or the measure that revealed the failure is better than before.

"""
BETWEEN = """
ELBO: nats an image, ± its standard error over images; those of Gaussian likelihoods are densities of pixels
and can only be compared with each other. *Remedy*: what the printed command adds; the whole of it is below.

## False alarms

{runs} sound trainings that differ by seed alone ({budget}), each examined by the {detectors} detectors that
apply to it: **{alarms} with a finding**{which}. So the share of sound trainings such as these with a false
alarm is below {bound:.0%}, at {level:.0%} confidence (Clopper & Pearson 1934).

## Evidence

The measures that revealed each failure, before the remedy and after it, with the range that is sound, and the
command as it was printed. **Bold** is what is not sound. Some failures take several measures: overfitting a
gap and a curve that does not rise, dead dimensions others that are crowded or cost too much.

"""
CLINIC_END = """
`vaeline clinic` runs what has not run at this code, and writes this page and `docs/results/clinic.json`; no
number is typed. The epochs of its {trainings} trainings took {minutes:.0f} minutes, on a machine that others
used as well.
"""


def rate_bound(alarms: int, runs: int) -> float:
    """Returns the upper end of the one-sided interval of Clopper & Pearson for a rate, from its count."""
    return 1.0 if alarms == runs else float(beta.ppf(CONFIDENCE, alarms + 1, runs - alarms))


def clinic_page(rows: Sequence[CaseRow], sound: Sequence[Trial]) -> str:
    """Returns the page of all cases and of the sound trainings."""
    budget = preset_config(SOUND).to_dict()
    data = budget["data"]
    return "".join([
        CLINIC_TEXT.format(train=data["train_size"], valid=data["valid_size"]),
        markdown_table([CLINIC_HEADINGS, *map(_cells, rows)]) + "\n",
        _false_alarms(sound, budget["epochs"]),
        *map(_evidence, rows),
        _end(rows, sound),
    ])  # fmt: skip


def _cells(row: CaseRow) -> list[str]:
    after = row["after"] or {}
    return [
        DETECTOR_TITLES[row["mode"]],
        f"{markdown_text(row['why'])}: {_overrides(row['provoked_with'])}",
        f"yes, {row['sure']:.0%} sure" if row["found"] else "**no**",
        _elbo(row),
        _overrides(row["changes"]) if row["changes"] else "–",
        _elbo(after),
        "yes" if row["cured"] else "**no**",
    ]


def _overrides(changes: Mapping[str, Any]) -> str:
    return code_span(" ".join(override_arguments(changes)))


def _elbo(values: Mapping[str, Any]) -> str:
    return estimate_text(values, "elbo") if values.get("elbo") is not None else "–"


def _false_alarms(sound: Sequence[Trial], epochs: int) -> str:
    alarms = [[problem.name for problem in problems(trial.findings)] for trial in sound]
    false = [names for names in alarms if names]
    which = "; ".join(", ".join(DETECTOR_TITLES[name].lower() for name in names) for names in false)
    return BETWEEN.format(
        runs=len(alarms),
        budget=f"{epochs} epochs, all else as in params.yaml",
        detectors=len(sound[0].findings),
        alarms=len(false),
        which=f" ({which})" if which else "",
        bound=rate_bound(len(false), len(alarms)),
        level=CONFIDENCE,
    )


def _evidence(row: CaseRow) -> str:
    after = row["after"] or {}
    values_after = {(e["name"], e["threshold"]): e for e in after.get("evidence", [])}
    lines = [["measure", "before", "after", "sound", "reason for the threshold"]]
    for evidence in row["evidence"]:
        then = values_after.get((evidence["name"], evidence["threshold"]))
        sign = {"above": "≤", "below": "≥"}[evidence["beyond"]]
        sound = f"{sign} {evidence['threshold']:g} {evidence['unit']}".strip()
        values = _value(evidence), _value(then)
        lines.append([f"`{evidence['name']}`", *values, sound, evidence["reason"]])
    heading = f"### {DETECTOR_TITLES[row['mode']]}: {_overrides(row['provoked_with'])}"
    remedy = "\n".join(code_block(row["remedy"] or "no remedy"))
    notes = "".join(f"\n{note}\n" for note in _notes(row))
    return f"{heading}\n\n{markdown_table(lines)}\n\n{remedy}\n{notes}\n"


def _value(evidence: Mapping[str, Any] | None) -> str:
    if evidence is None:
        return "–"
    error = {"v_se": evidence["se"]} if evidence["se"] else {}
    value = estimate_text({"v": evidence["value"], **error}, "v")
    return f"**{value}**" if Evidence(**evidence).sure > 0.5 else value


def _notes(row: CaseRow) -> list[str]:
    """Returns what else was found, before and after the remedy, and the effect of what is advised."""
    notes = []
    if row["others_found"]:
        notes.append(f"Also found: {', '.join(row['others_found'])}.")
    if row["after"] and row["after"]["found"]:
        notes.append(f"Found after the remedy: {', '.join(row['after']['found'])}.")
    if advised := row["advised"]:
        effect = "cures as well" if advised["cured"] else "does **not** cure"
        overrides = _overrides(advised["changes"])
        notes.append(f"What is commonly advised, {overrides}, {effect}: ELBO {_elbo(advised['after'])}.")
    return notes


def _end(rows: Sequence[CaseRow], sound: Sequence[Trial]) -> str:
    """Returns the last paragraph; its times are by the training's own clock."""
    treated = [row for row in rows if row["after"]] + [row["advised"] for row in rows if row["advised"]]
    # Several remedies can lead to one training, which is counted once; a diverged training has no time.
    seconds = {trial.seconds for trial in sound} | {row["seconds"] for row in rows}
    seconds = (seconds | {row["after"]["seconds"] for row in treated}) - {0.0}
    return CLINIC_END.format(trainings=len(seconds), minutes=sum(seconds) / 60)

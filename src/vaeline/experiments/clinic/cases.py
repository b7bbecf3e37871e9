"""The cases of the clinic: each spoils the sound configuration in one way, and takes the printed remedy."""

import shlex
from collections.abc import Mapping, Sequence
from dataclasses import asdict
from typing import Any

from vaeline.diagnosis.finding import Finding, problems
from vaeline.experiments.clinic.trial import Trial, trial
from vaeline.experiments.presets import preset_names, preset_overrides
from vaeline.provenance.commands import override_arguments

CASE_PREFIX = "clinic-"
SOUND = "clinic"
"""The preset of the sound training, which all cases extend."""
CASE_ELBO = "best_valid_elbo"
ADVISED = {
    "posterior_collapse-deep": {"kl_warmup_epochs": 10.0, "free_bits": 0.25},
    "holes-prior": {"beta": 4.0},
}
"""What is commonly advised for a failure, where the finding prints another remedy: tried as well."""

CaseRow = dict[str, Any]


def case_names() -> list[str]:
    """Returns the cases, FAILURE-HOW, without the prefix of their presets."""
    return [name.removeprefix(CASE_PREFIX) for name in preset_names() if name.startswith(CASE_PREFIX)]


def case_overrides(preset: str) -> list[str]:
    """Returns what a preset changes, as overrides; its notes are for a reader and are left out."""
    return override_arguments(
        {key: value for key, value in preset_overrides(preset).items() if key != "notes"}
    )


def sound_trial(seed: int) -> Trial:
    """Returns the sound training with that seed."""
    return trial(f"{CASE_PREFIX}healthy-{seed}", [*case_overrides(SOUND), f"seed={seed}"])


def run_case(name: str) -> CaseRow:
    """Runs a case, and returns what provoked the failure, the finding, its remedy as printed, and the effect.

    `cured` says that the remedy ran, that the failure is then more likely gone than not, and that either the
    ELBO of validation images at β = 1 or the measure that revealed the failure is better.
    """
    mode = name.partition("-")[0]
    provoked = trial(CASE_PREFIX + name, case_overrides(CASE_PREFIX + name))
    finding = provoked.finding(mode)
    own = _own_overrides(name)
    row: CaseRow = {
        "mode": mode,
        "case": name,
        "provoked_with": {key: value for key, value in own.items() if key != "notes"},
        "why": own["notes"],
        "found": bool(finding and finding.level == "problem"),
        "others_found": [p.name for p in problems(provoked.findings) if p.name != mode],
        "sure": finding.sure if finding else 0.0,
        "evidence": _evidence(finding),
        "seconds": provoked.seconds,
        "elbo": provoked.measures.get(CASE_ELBO),
        "elbo_se": provoked.measures.get(f"{CASE_ELBO}_se"),
        "cause": finding.cause if finding else "",
        "changes": dict(finding.changes) if finding else {},
        "remedy": finding.command if finding else "",
        "after": None,
        "cured": False,
        "advised": None,
    }
    if finding is None or finding.level != "problem":
        return row
    if finding.command:
        _, _, _, *flags = shlex.split(finding.command)  # dvc exp run -S … -S …
        row |= _outcome(f"{CASE_PREFIX}{name}-cured", flags[1::2], provoked, finding)
    if name in ADVISED:
        overrides = [*case_overrides(CASE_PREFIX + name), *override_arguments(ADVISED[name])]
        outcome = _outcome(f"{CASE_PREFIX}{name}-advised", overrides, provoked, finding)
        row["advised"] = {"changes": ADVISED[name]} | outcome
    return row


def _outcome(name: str, overrides: Sequence[str], provoked: Trial, finding: Finding) -> CaseRow:
    """Returns the effect of a remedy."""
    cured = trial(name, overrides)
    now = cured.finding(finding.name)
    gone = now is not None and now.level != "problem" and now.sure > 0.5
    after = {
        "evidence": _evidence(now),
        "seconds": cured.seconds,
        "elbo": cured.measures.get(CASE_ELBO),
        "elbo_se": cured.measures.get(f"{CASE_ELBO}_se"),
        "found": [problem.name for problem in problems(cured.findings)],
    }
    improved = now is not None and _improved(provoked, cured, finding, now)
    return {"after": after, "cured": gone and improved}


def _improved(before: Trial, after: Trial, was: Finding, now: Finding) -> bool:
    if CASE_ELBO not in after.measures:
        return False
    if CASE_ELBO not in before.measures or after.measures[CASE_ELBO] > before.measures[CASE_ELBO]:
        return True
    sign, then = was.evidence[0], now.evidence[0]
    return then.value > sign.value if sign.beyond == "below" else then.value < sign.value


def _own_overrides(name: str) -> Mapping[str, Any]:
    """Returns what the case changes of the sound configuration."""
    sound = preset_overrides(SOUND)
    changes = preset_overrides(CASE_PREFIX + name)
    return {k: v for k, v in changes.items() if k not in sound or sound[k] != v}


def _evidence(finding: Finding | None) -> list[dict[str, Any]]:
    return [asdict(evidence) for evidence in finding.evidence] if finding else []

"""The cases of the clinic: each spoils the sound configuration in one way, and takes the printed remedy."""

import shlex
from collections.abc import Mapping, Sequence
from dataclasses import asdict
from typing import Any

from vaeline.diagnosis.finding import Finding, problems
from vaeline.experiments import presets
from vaeline.experiments.clinic.trial import Trial, trial
from vaeline.provenance.commands import override_arguments

PREFIX, BASE = "clinic-", "clinic"
ELBO = "best_valid_elbo"
# What is commonly advised for a failure, where the finding prints something else: tried as well.
ADVISED = {
    "posterior_collapse-deep": {"kl_warmup_epochs": 10.0, "free_bits": 0.25},
    "holes-prior": {"beta": 4.0},
}
Row = dict[str, Any]


def names() -> list[str]:
    """Returns the cases, FAILURE-HOW, without their prefix."""
    return [name.removeprefix(PREFIX) for name in presets.preset_names() if name.startswith(PREFIX)]


def changes(preset: str) -> list[str]:
    """Returns what a preset changes, as overrides; its notes tell a reader and nothing else."""
    return override_arguments(
        {key: value for key, value in presets.preset_overrides(preset).items() if key != "notes"}
    )


def healthy(seed: int) -> Trial:
    """Returns the sound training of a seed."""
    return trial(f"{PREFIX}healthy-{seed}", [*changes(BASE), f"seed={seed}"])


def case(name: str) -> Row:
    """Returns a case: what provoked the failure, what was found, the remedy as printed, and what it did.

    `cured` says that the remedy ran, that the failure is then more likely gone than not, and that the ELBO of
    validation images at β = 1, or else the measure that told of the failure, is better.
    """
    mode = name.partition("-")[0]
    provoked = trial(PREFIX + name, changes(PREFIX + name))
    found = provoked.found(mode)
    row = {
        "mode": mode,
        "case": name,
        "provoked_with": {key: value for key, value in _own(name).items() if key != "notes"},
        "why": _own(name)["notes"],
        "found": bool(found and found.level == "problem"),
        "others_found": [one.name for one in problems(provoked.findings) if one.name != mode],
        "sure": found.sure if found else 0.0,
        "evidence": _evidence(found),
        "seconds": provoked.seconds,
        "elbo": provoked.measures.get(ELBO),
        "elbo_se": provoked.measures.get(f"{ELBO}_se"),
        "cause": found.cause if found else "",
        "changes": dict(found.changes) if found else {},
        "remedy": found.command if found else "",
        "after": None,
        "cured": False,
        "advised": None,
    }
    if not row["found"]:
        return row
    if found.command:
        _, _, _, *flags = shlex.split(found.command)  # dvc exp run -S … -S …
        row |= _outcome(f"{PREFIX}{name}-cured", flags[1::2], provoked, found)
    if name in ADVISED:
        advised = [*changes(PREFIX + name), *override_arguments(ADVISED[name])]
        row["advised"] = {"changes": ADVISED[name]} | _outcome(
            f"{PREFIX}{name}-advised", advised, provoked, found
        )
    return row


def _outcome(name: str, settings: Sequence[str], provoked: Trial, found: Finding) -> Row:
    """Returns what a remedy came to."""
    cured = trial(name, settings)
    now = cured.found(found.name)
    gone = now is not None and now.level != "problem" and now.sure > 0.5
    after = {
        "evidence": _evidence(now),
        "seconds": cured.seconds,
        "elbo": cured.measures.get(ELBO),
        "elbo_se": cured.measures.get(f"{ELBO}_se"),
        "found": [one.name for one in problems(cured.findings)],
    }
    return {"after": after, "cured": bool(gone and _improved(provoked, cured, found, now))}


def _improved(before: Trial, after: Trial, was: Finding, now: Finding) -> bool:
    if ELBO not in after.measures:
        return False
    if ELBO not in before.measures or after.measures[ELBO] > before.measures[ELBO]:
        return True
    sign, then = was.evidence[0], now.evidence[0]
    return then.value > sign.value if sign.beyond == "below" else then.value < sign.value


def _own(name: str) -> Mapping[str, Any]:
    """Returns what the case changes of the sound configuration."""
    base = presets.preset_overrides(BASE)
    return {k: v for k, v in presets.preset_overrides(PREFIX + name).items() if k not in base or base[k] != v}


def _evidence(found: Finding | None) -> list[dict[str, Any]]:
    return [asdict(one) for one in found.evidence] if found else []

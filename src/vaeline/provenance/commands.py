"""The commands that repeat an experiment, or repeat it with a cure: what can be pasted into a shell."""

import re
import shlex
from collections.abc import Mapping, Sequence
from dataclasses import replace
from typing import Any

from vaeline.diagnosis.finding import Finding
from vaeline.provenance.origin import differing, text

PLAIN = re.compile(r"[\w./-]*")  # what DVC's overrides take without quotes


def setting(value: Any) -> str:
    """Returns a param's value as DVC's overrides take it."""
    if isinstance(value, str) and not PLAIN.fullmatch(value):
        return "'" + value.replace("'", r"\'") + "'"
    if isinstance(value, list | tuple):
        return "[" + ",".join(map(setting, value)) + "]"
    if isinstance(value, bool):
        return str(value).lower()
    return "null" if value is None else text(value)


def overrides(changes: Mapping[str, Any]) -> list[str]:
    """Returns `key=value` for each change, as DVC's `-S` takes them."""
    return [f"{key}={setting(value)}" for key, value in changes.items()]


def exp_run(changes: Mapping[str, Any]) -> str:
    """Returns the command that runs the experiment with `changes`, whose keys are dotted."""
    return shlex.join(["dvc", "exp", "run", *(part for one in overrides(changes) for part in ("-S", one))])


def with_commands(findings: Sequence[Finding], params: Mapping[str, Any]) -> list[Finding]:
    """Returns findings whose remedies are commands that repeat the run of `params` with the cure.

    They carry every change from the committed params that the run had, so that nothing else differs.
    """
    own = differing(params)
    return [
        replace(found, command=exp_run(own | found.changes) if found.changes else "") for found in findings
    ]

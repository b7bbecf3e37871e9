"""Remedies as commands that can be pasted into a shell."""

from collections.abc import Mapping, Sequence
from dataclasses import replace
from typing import Any

from vaeline.diagnosis.finding import Finding
from vaeline.provenance.commands import exp_run_command
from vaeline.provenance.origin import changed_params


def with_remedy_commands(findings: Sequence[Finding], params: Mapping[str, Any]) -> list[Finding]:
    """Returns findings whose remedies are commands that repeat the run of `params` with the cure.

    They carry every change from the committed params that the run had, so that nothing else differs.
    """
    own = changed_params(params)
    return [
        replace(found, command=exp_run_command(own | found.changes) if found.changes else "")
        for found in findings
    ]

"""Remedies as commands that can be pasted into a shell."""

from collections.abc import Mapping, Sequence
from dataclasses import replace
from typing import Any

from vaeline.diagnosis.finding import Finding
from vaeline.provenance.commands import exp_run_command
from vaeline.provenance.origin import changed_params


def with_remedy_commands(findings: Sequence[Finding], params: Mapping[str, Any]) -> list[Finding]:
    """Returns the findings, each remedy as the command that repeats the run of `params` with its changes.

    The command carries every change of the run from the committed params, so that nothing else differs.
    """
    own = changed_params(params)
    return [
        replace(finding, command=exp_run_command({**own, **finding.changes}) if finding.changes else "")
        for finding in findings
    ]

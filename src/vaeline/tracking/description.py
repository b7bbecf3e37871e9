"""The verdict on a run and its description in MLflow."""

from collections.abc import Mapping, Sequence
from typing import Any

from vaeline.diagnosis.finding import Finding, problems, verdict_line
from vaeline.provenance.commands import exp_run_command
from vaeline.provenance.origin import changed_params
from vaeline.reporting.summary import code_block

LONGEST_NOTES = 3000  # characters of a description, of which MLflow keeps 8,000
OWN_HEADING = "### Verdict and figures"
"""Separates the user's notes, above it, from the generated part of a description."""


def verdict_tag(findings: Sequence[Finding]) -> str:
    """Returns the names of the problems, `healthy` if there is none, or "" if there are no findings."""
    return " ".join(finding.name for finding in problems(findings)) or ("healthy" if findings else "")


def run_description(
    notes: str,
    params: Mapping[str, Any],
    findings: Sequence[Finding],
    figure_table: Sequence[str],
    origin: Mapping[str, str],
) -> str:
    """Returns the description of a run, in Markdown.

    Args:
        notes: What the user says of the run.
        params: The params of the run, nested.
        findings: What the detectors say of it.
        figure_table: Lines of a Markdown table, or none.
        origin: Tags that identify the code, see `provenance.origin`.
    """
    changes = {key: value for key, value in changed_params(params).items() if key != "notes"}
    commit = origin.get("dvc.baseline") or origin.get("git.commit", "")
    table = [*figure_table, ""] if figure_table else []
    at = f" (from commit {commit[:10]})" if commit else ""
    lines = [*_verdict(findings), *table, f"Reproduce{at}:", "", *_code(exp_run_command(changes))]
    return "\n".join([notes[:LONGEST_NOTES], "", OWN_HEADING, "", *lines]).lstrip("\n")


def renewed_description(before: str, now: str) -> str:
    """Returns the generated part of `now` below the notes of `before`, which may have been edited by hand."""
    notes, heading, _ = before.partition(OWN_HEADING)
    return notes + heading + now.partition(OWN_HEADING)[2] if heading else now


def _verdict(findings: Sequence[Finding]) -> list[str]:
    if not findings:
        return []
    lines = [line for problem in problems(findings) for line in _problem(problem)]
    return lines or [f"**{verdict_line(findings)}.**", ""]


def _problem(problem: Finding) -> list[str]:
    cause = ["", f"Likely cause: {problem.cause}"] if problem.cause else []
    remedy = ["", "Remedy:", "", *_code(problem.command)] if problem.command else [""]
    return [f"**{problem.title}** ({problem.sure:.0%} sure): {problem.says}.", *cause, *remedy]


def _code(command: str) -> list[str]:
    return [*code_block(command), ""]

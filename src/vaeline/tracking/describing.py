"""What a person reads of a run in MLflow: its name, the tags to filter on, and its description."""

from collections.abc import Mapping, Sequence
from typing import Any

from vaeline.core.params import param_text
from vaeline.diagnosis.finding import Finding, problems
from vaeline.diagnosis.finding import verdict_line as in_one_line
from vaeline.provenance.commands import exp_run_command
from vaeline.provenance.origin import changed_params

LONGEST_NAME = 80  # characters: what MLflow's tables show of a name, and below what its databases hold
LONGEST_NOTES = 3000  # characters of a description, of which MLflow keeps 8,000
UNNAMED = {"experiment_name", "notes"}  # differ without making another run
OWN_HEADING = "### Verdict and figures"
"""Where in a description the user's part ends, and ours begins."""


def name(params: Mapping[str, Any]) -> str:
    """Returns what differs from the committed params, `beta=4 prior=vamp`, or `baseline`.

    Of many changes the first are named, whole, and the others counted: `… +7`.
    """
    parts = [
        f"{k.removesuffix('.name')}={param_text(v)}"
        for k, v in changed_params(params).items()
        if k not in UNNAMED
    ]
    shown = list(parts)
    while len(" ".join(shown)) > LONGEST_NAME and len(shown) > 1:
        shown.pop()
    more = f" … +{len(parts) - len(shown)}" if len(shown) < len(parts) else ""
    return (" ".join(shown)[:LONGEST_NAME] + more) or "baseline"


def parts(params: Mapping[str, Any]) -> dict[str, str]:
    """Returns the name of each part that a section chooses, so that `tags.prior = 'vamp'` finds it."""
    sections = {key: value for key, value in params.items() if isinstance(value, Mapping) and "name" in value}
    return {key: section["name"] for key, section in sections.items()}


def verdict_tag(findings: Sequence[Finding]) -> str:
    """Returns the names of the problems, `healthy` without any, `` where nothing was looked at."""
    return " ".join(found.name for found in problems(findings)) or ("healthy" if findings else "")


def description(
    notes: str,
    params: Mapping[str, Any],
    findings: Sequence[Finding],
    figures: Sequence[str],
    made: Mapping[str, str],
) -> str:
    """Returns a run's description in Markdown: the user's `notes`, verdicts, `figures`, how to repeat it.

    `figures` are rows of a Markdown table with two columns, `made` the tags that lead back to the code.
    """
    own = {key: value for key, value in changed_params(params).items() if key != "notes"}
    commit = made.get("dvc.baseline") or made.get("git.commit", "")
    table = ["| | mean ± standard error |", "|---|---|", *figures, ""] if figures else []
    at = f" (from commit {commit[:10]})" if commit else ""
    lines = [*_verdicts(findings), *table, f"Repeat it{at}:", "", *_shell(exp_run_command(own))]
    return "\n".join([notes[:LONGEST_NOTES], "", OWN_HEADING, "", *lines]).lstrip("\n")


def renewed(before: str, now: str) -> str:
    """Returns the description `now`, below what `before` says above our part: a person may have edited it."""
    notes, found, _ = before.partition(OWN_HEADING)
    return notes + OWN_HEADING + now.partition(OWN_HEADING)[2] if found else now


def _verdicts(findings: Sequence[Finding]) -> list[str]:
    if not findings:
        return []
    wrong = problems(findings)
    return [line for found in wrong for line in _problem(found)] or [f"**{in_one_line(findings)}.**", ""]


def _problem(found: Finding) -> list[str]:
    cause = ["", f"Likely cause: {found.cause}"] if found.cause else []
    cure = ["", "Remedy:", "", *_shell(found.command)] if found.command else [""]
    return [f"**{found.title}** ({found.sure:.0%} sure): {found.says}.", *cause, *cure]


def _shell(command: str) -> list[str]:
    return ["```", command, "```", ""]

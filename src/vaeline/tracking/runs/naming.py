"""The name of a run, and its tags: what identifies it in a table of runs."""

from collections.abc import Mapping
from typing import Any

from vaeline.core.params import param_text
from vaeline.provenance.origin import changed_params

LONGEST_NAME = 80  # characters: what MLflow's tables display, and well below what its databases hold
UNNAMED = {"experiment_name", "notes"}  # params that do not change the result


def run_name(params: Mapping[str, Any]) -> str:
    """Returns how `params` differ from the committed ones, as `beta=4 prior=vamp`, or `baseline`.

    A name that would be too long ends with the number of changes left out: `… +7`.
    """
    changes = [
        f"{key.removesuffix('.name')}={param_text(value)}"
        for key, value in changed_params(params).items()
        if key not in UNNAMED
    ]
    named = list(changes)
    while len(" ".join(named)) > LONGEST_NAME and len(named) > 1:
        named.pop()
    rest = f" … +{len(changes) - len(named)}" if len(named) < len(changes) else ""
    return (" ".join(named)[:LONGEST_NAME] + rest) or "baseline"


def part_tags(params: Mapping[str, Any]) -> dict[str, str]:
    """Returns the part that each section names, so that `tags.prior = 'vamp'` filters runs."""
    sections = {key: value for key, value in params.items() if isinstance(value, Mapping) and "name" in value}
    return {key: section["name"] for key, section in sections.items()}

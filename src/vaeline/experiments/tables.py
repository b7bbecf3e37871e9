"""A sweep as a document: its figures in Markdown, what made it, and what is not in it."""

from collections.abc import Mapping, Sequence
from typing import Any

import pandas as pd

from vaeline.core.params import param_text
from vaeline.evaluation.estimators.estimate import estimate_text
from vaeline.experiments.find import params_with
from vaeline.experiments.sweep import Sweep
from vaeline.provenance.origin import changes_text, origin_tags

HEADINGS = {
    "elbo": "ELBO",
    "iwae": "IWAE-{iwae_k}",
    "rate": "Rate",
    "distortion": "Distortion",
    "fid_classifier": "Fréchet, classifier",
    "fid_classifier_floor": "… real against real",
    "fid": "Fréchet, Inception",
    "fid_floor": "… real against real",
    "active_units": "Active units of {latent_dims}",
}


def columns(table: pd.DataFrame) -> dict[str, str]:
    """Returns the columns of figures that `table` has, each with its heading."""
    first = table.to_dict("records")[0]
    return {name: HEADINGS[name].format(**first) for name in HEADINGS if name in table}


def table_cell(row: Mapping[str, Any], name: str) -> str:
    """Returns `mean ± standard error`, or a dash where the experiment does not have the metric."""
    known = {key: value for key, value in row.items() if not pd.isna(value)}
    return estimate_text(known, name) if name in known else "–"


def markdown_table(rows: Sequence[Sequence[str]]) -> str:
    """Returns a Markdown table, its first row the heading."""
    heading, *rest = rows
    return "\n".join(f"| {' | '.join(row)} |" for row in (heading, ["---"] * len(heading), *rest))


def made_by(swept: Sweep) -> str:
    """Returns which command, commit, data set and params made a table."""
    params = params_with(swept.shared)
    params.pop(swept.key)
    known = origin_tags()
    code = " with code changed since" if known["git.dirty"] == "true" else ""
    return (
        f"Made by `{swept.command}` at commit `{known['git.commit'][:10]}`{code}, on "
        f"{params['data']['name']}. "
        f"Params that differ from the committed ones: {changes_text(params) or 'none'}."
    )


def not_in_the_table(swept: Sweep) -> list[str]:
    """Returns the paragraph that names each value without an experiment and the reason, if there are any."""
    lines = [f"- {swept.key} = {param_text(value)}: {reason}" for value, reason in swept.failures.items()]
    return ["", "Not in the table:", "", *lines] if lines else []

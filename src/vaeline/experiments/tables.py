"""Tables in Markdown, and the paragraphs that say how a table of a sweep was made."""

from collections.abc import Mapping
from typing import Any

import pandas as pd

from vaeline.core.params import flatten_params, param_text
from vaeline.evaluation.estimators.estimate import estimate_text
from vaeline.experiments.find import params_with
from vaeline.experiments.markdown import markdown_table
from vaeline.experiments.sweep import Sweep, point_text
from vaeline.provenance.origin import changes_text, origin_tags
from vaeline.reporting.summary import code_span, markdown_text

KEY_HEADINGS = {"beta": "β", "seed": "Seed"}
METRIC_HEADINGS = {
    "elbo": "ELBO, test",
    "iwae": "IWAE-{iwae_k}, test",
    "rate": "Rate, test",
    "distortion": "Distortion, test",
    "fid_classifier": "Fréchet, classifier",
    "fid_classifier_floor": "… real against real",
    "fid": "Fréchet, Inception",
    "fid_floor": "… real against real",
    "active_units": "Active units of {latent_dims}, valid",
}


def metric_columns(table: pd.DataFrame) -> dict[str, str]:
    """Returns the metrics that `table` has, each with its heading."""
    values = metric_values(table)
    return {name: heading.format(**values) for name, heading in METRIC_HEADINGS.items() if name in table}


def metric_values(table: pd.DataFrame) -> dict[str, str]:
    """Returns each column's value as text; `10/20` where the experiments have different ones."""
    return {
        str(name): "/".join(dict.fromkeys(map(param_text, column.dropna()))) for name, column in table.items()
    }


def table_records(table: pd.DataFrame) -> list[dict[str, Any]]:
    """Returns the rows of a table, each by the names of its columns."""
    return [{str(name): value for name, value in row.items()} for row in table.to_dict("records")]


def table_cell(row: Mapping[str, Any], name: str) -> str:
    """Returns `mean ± standard error`, or a dash if the experiment does not have the metric."""
    present = {key: value for key, value in row.items() if not pd.isna(value)}
    return estimate_text(present, name) if name in present else "–"


def sweep_rows(swept: Sweep) -> str:
    """Returns the table of a sweep in Markdown: the swept params, then each metric ± its standard error."""
    columns = metric_columns(swept.table)
    keys = [KEY_HEADINGS.get(key, f"`{key}`") for key in swept.keys]
    rows = [
        [
            *(markdown_text(param_text(row[key])) for key in swept.keys),
            *(table_cell(row, name) for name in columns),
        ]
        for row in table_records(swept.table)
    ]
    return markdown_table([[*keys, *columns.values()], *rows])


def made_by(swept: Sweep) -> str:
    """Returns the sentence that says which command, commit, data set and params made a table."""
    params = flatten_params(params_with(swept.shared))
    shared = {key: value for key, value in params.items() if key not in swept.keys}
    tags = origin_tags()
    code = " with uncommitted changes" if tags["git.dirty"] == "true" else ""
    data = f", on {shared['data.name']}" if "data.name" in shared else ""
    return (
        f"Made by {code_span(swept.command)} at commit `{tags['git.commit'][:10]}`{code}{data}. "
        f"Params that differ from the committed ones: {markdown_text(changes_text(shared)) or 'none'}."
    )


def failed_points(swept: Sweep) -> list[str]:
    """Returns the lines that name each point without an experiment, and the reason; none if all succeeded."""
    lines = [
        f"- {markdown_text(f'{point_text(swept.keys, point)}: {reason}')}"
        for point, reason in swept.failures.items()
    ]
    return ["", "Not in the table:", "", *lines] if lines else []

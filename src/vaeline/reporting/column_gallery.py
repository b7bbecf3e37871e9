"""The plots of a model of rows, where one of images has pictures."""

import pandas as pd
import torch
from matplotlib.figure import Figure

from vaeline.data.observations import observed
from vaeline.data.prepared import Prepared
from vaeline.evaluation.columns import DRAWN_ROWS, Rows, original_values
from vaeline.evaluation.ex_post import fit_ex_post
from vaeline.evaluation.sample_features import draw_at
from vaeline.models.contracts import Model
from vaeline.reporting.plots.columns import column_errors, marginals, pairs


def column_figures(rows: Rows, scores: pd.DataFrame) -> dict[str, Figure]:
    """Returns the figures of the columns, by name, in the units of the data."""
    return {
        "marginals": marginals(
            rows.columns, rows.real, rows.drawn, "Validation rows, and samples x ~ p(x|z) at z ~ p(z)"
        ),
        "pairs": pairs(
            rows.columns, rows.real, rows.drawn, "Validation rows below the diagonal, samples above it"
        ),
        "column_errors": column_errors(scores),
    }


def ex_post_marginals(model: Model, data: Prepared) -> Figure:
    """Returns `marginals` of samples at z from a mixture fitted to training rows' z, see `fit_ex_post`."""
    z = fit_ex_post(model, data.train).mixture.sample(torch.Size((DRAWN_ROWS,)))
    real = observed(torch.from_numpy(data.valid.values.copy()))
    title = "Validation rows, and samples x ~ p(x|z) at z from a mixture fitted to training rows' z"
    parts = (original_values(model, values) for values in (real, draw_at(model, z)))
    return marginals(data.columns, *parts, title)

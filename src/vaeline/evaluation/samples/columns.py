"""Measures of each column of vectors, in the units of the data."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Self

import numpy as np
import pandas as pd
import torch
from scipy.stats import ks_2samp
from torch import Tensor

from vaeline.data.observations import Observations, observed, pixels
from vaeline.data.prepared import Prepared
from vaeline.evaluation.chunks import model_input_chunks
from vaeline.evaluation.ex_post import fit_ex_post
from vaeline.evaluation.samples.features import draw_at
from vaeline.models.contracts import Model

DRAWN_ROWS = 2000
COLUMN_MEASURES = (
    "column", "mean", "std", "rmse", "unexplained", "unexplained_se",
    "sample_mean", "sample_std", "ks", "ks_p",
)  # fmt: skip


@dataclass(frozen=True, eq=False)
class ColumnRows:
    """Rows of data, their reconstructions, and samples, all in the units of the data.

    Attributes:
        columns: names of the D columns.
        real: validation rows [N, D].
        rebuilt: E[x|z] at one z ~ q(z|x) for each of them, [N, D].
        drawn: x ~ p(x|z) at z ~ p(z), [M, D]. Not the means E[x|z], which vary less than the data.
    """

    columns: Sequence[str]
    real: np.ndarray
    rebuilt: np.ndarray
    drawn: np.ndarray

    @classmethod
    @torch.no_grad()
    def of_model(cls, model: Model, columns: Sequence[str], rows: Observations) -> Self:
        """Returns those of `rows`, stored values [N, D], and of 2,000 samples."""
        means = [model.infer(x).likelihood.mean[0].cpu() for x in model_input_chunks(model, rows)]
        drawn = draw_at(model, model.prior_sample((DRAWN_ROWS,)))
        parts = (observed(pixels(rows)), torch.cat(means), drawn)
        return cls(columns, *(_original(model, part) for part in parts))


def ex_post_values(model: Model, data: Prepared) -> tuple[np.ndarray, np.ndarray]:
    """Returns validation rows, and samples at z from a mixture fitted to training rows' z, [N, D] and [M, D].

    Both are in the units of the data; see `fit_ex_post`.
    """
    z = fit_ex_post(model, data.train).mixture.sample(torch.Size((DRAWN_ROWS,)))
    real = observed(torch.from_numpy(data.valid.values.copy()))
    return _original(model, real), _original(model, draw_at(model, z))


def _original(model: Model, values: Tensor) -> np.ndarray:
    """Returns what a model observes, [N, D], in the units of the data."""
    return model.scaling.original(values.double()).numpy()


def column_scores(rows: ColumnRows | None) -> pd.DataFrame:
    """Returns a row for each column, see `COLUMN_MEASURES`; without `rows`, as for images, none.

    `mean` and `std` are of the data; `rmse` is the root of the mean squared error of a reconstruction, and
    `unexplained` that mean squared error over the variance of the data, with its standard error; `ks` is the
    largest difference between the distribution functions of data and samples, and `ks_p` its p-value (the
    two-sample test of Kolmogorov and Smirnov).
    """
    if rows is None:
        return pd.DataFrame(columns=list(COLUMN_MEASURES))
    parts = zip(rows.columns, rows.real.T, rows.rebuilt.T, rows.drawn.T, strict=True)
    return pd.DataFrame([_scores(*part) for part in parts], columns=list(COLUMN_MEASURES))


def _scores(name: str, real: np.ndarray, rebuilt: np.ndarray, drawn: np.ndarray) -> tuple[str | float, ...]:
    squared, variance = (real - rebuilt) ** 2, real.var()
    unexplained = squared / variance if variance > 0 else np.full_like(squared, np.nan)
    test = ks_2samp(real, drawn)
    return (
        name,
        real.mean(),
        real.std(ddof=1),
        squared.mean() ** 0.5,
        unexplained.mean(),
        unexplained.std(ddof=1) / len(squared) ** 0.5,
        drawn.mean(),
        drawn.std(ddof=1),
        test.statistic,
        test.pvalue,
    )

"""The figures of diagnose: a gallery for a model of images, columns for one of rows."""

import pandas as pd
from matplotlib.figure import Figure

from vaeline.data.prepared import Prepared
from vaeline.evaluation.diagnostics import Diagnostics
from vaeline.evaluation.samples.columns import ColumnRows
from vaeline.models.contracts import Model
from vaeline.reporting import gallery
from vaeline.reporting.plots.columns import column_figures


def diagnosis_figures(
    model: Model, data: Prepared, diagnostics: Diagnostics, rows: ColumnRows | None, scores: pd.DataFrame
) -> dict[str, Figure]:
    """Returns the figures by name.

    Args:
        model: The trained model.
        data: The data that it was trained on.
        diagnostics: What was measured of it.
        rows: Rows beside samples of the model, or None for images.
        scores: A row for each column, see `column_scores`.
    """
    latents, labelled = diagnostics.latents, (data.valid.labels, data.classes)
    if rows:
        figures = column_figures(rows.columns, rows.real, rows.drawn, scores)
        figures |= gallery.latent_figures(latents, diagnostics.dimensions, *labelled)
    else:
        figures = _image_figures(model, data, diagnostics)
    return figures | gallery.factor_information(latents, data.valid.factors, data.factors)


def _image_figures(model: Model, data: Prepared, diagnostics: Diagnostics) -> dict[str, Figure]:
    nearest = (diagnostics.nearest, data.train.values, model.scaling)
    return {
        **gallery.gallery_figures(
            model,
            diagnostics.examples,
            diagnostics.latents,
            diagnostics.dimensions,
            data.valid.labels,
            data.classes,
        ),
        **gallery.class_samples(model, data.classes),
        "neighbours": gallery.neighbour_rows(diagnostics.samples, *nearest),
    }

"""One cell of the grid: trained with the project's loop, and scored on valid and test."""

import tempfile
import time
from typing import Any

import numpy as np

from vaeline.core.params import StageParams
from vaeline.data.catalog import DATASETS
from vaeline.data.prepared import Prepared, Split
from vaeline.data.storing import store
from vaeline.evaluation.chunks import device_of
from vaeline.evaluation.disentanglement.codes import ImageCodes
from vaeline.evaluation.disentanglement.information import mig
from vaeline.evaluation.disentanglement.scores import own_scores, published_scores, varying_factors
from vaeline.evaluation.estimators.bounds import elbo_terms
from vaeline.evaluation.estimators.latents import measure_latents
from vaeline.evaluation.observing import evaluation_set
from vaeline.experiments.presets import preset_config
from vaeline.experiments.studies.sprites.grid import GridCell
from vaeline.experiments.variation import varied
from vaeline.models.contracts import Model
from vaeline.training.beginning import begin_training

SPRITES = "sprites"
"""The preset that every cell changes."""
SCORES_SEED = 0

SpritesRow = dict[str, Any]


def cell_row(cell: GridCell) -> SpritesRow:
    """Trains the model of a cell, and returns its row.

    `valid_mig` and `valid_rate` are of the validation images, all other figures of the test images. Bounds
    are in nats an image at β = 1, whatever the weights were in training.
    """
    params = StageParams(varied(preset_config(SPRITES).to_dict(), cell.changes).to_dict())
    with tempfile.TemporaryDirectory() as folder:
        data = store(DATASETS.build(params.data, raw=None), folder)
        started = time.process_time()
        model = trained_on(data, params)
        method, weight, seed = cell.key
        cost = {"seconds": time.process_time() - started, "device": device_of(model).type}
        row = {"method": method, "weight": weight, "seed": seed} | cost
        return row | _valid_figures(model, data.valid) | _test_figures(model, data.test, params.elbo_samples)


def trained_on(data: Prepared, params: StageParams) -> Model:
    """Returns a model that was trained as the stage train does, with its last weights."""
    training, epochs = begin_training(params, data)
    for _ in epochs:
        pass
    return training.evaluated.eval()


def scores_of(codes: ImageCodes, split: Split) -> dict[str, float]:
    """Returns every score of the codes of a split whose factors are known."""
    factors, rng = _factors(split), np.random.default_rng(SCORES_SEED)
    return own_scores(codes, factors, rng) | published_scores(codes, factors, rng)


def valid_mig(codes: ImageCodes, split: Split) -> dict[str, float]:
    """Returns the score that weights are selected by."""
    return {"valid_mig": mig(codes.mean, _factors(split))}


def _valid_figures(model: Model, split: Split) -> dict[str, float]:
    latents = measure_latents(model, evaluation_set(model, split))
    rate = latents.kl.double().sum(1).mean().item()
    return valid_mig(ImageCodes.of(latents), split) | {"valid_rate": rate}


def _test_figures(model: Model, split: Split, draws: int) -> dict[str, float]:
    images = evaluation_set(model, split)
    terms = elbo_terms(model, images, draws)
    bounds = {"elbo": terms.elbo, "rate": terms.rate, "distortion": terms.distortion}
    means = {name: values.double().mean().item() for name, values in bounds.items()}
    return scores_of(ImageCodes.of(measure_latents(model, images)), split) | means


def _factors(split: Split) -> np.ndarray:
    assert split.factors is not None  # the preset's data set has them
    return varying_factors(split.factors)

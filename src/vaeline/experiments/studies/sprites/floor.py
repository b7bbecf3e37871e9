"""The floor of the scores: a perfect code, rotated at random, holds every factor and separates none."""

import tempfile

import numpy as np
from scipy.stats import ortho_group

from vaeline.core.params import StageParams
from vaeline.data.catalog import DATASETS
from vaeline.data.prepared import Split
from vaeline.data.storing import store
from vaeline.evaluation.disentanglement.codes import ImageCodes
from vaeline.evaluation.disentanglement.scores import varying_factors
from vaeline.experiments.presets import preset_config
from vaeline.experiments.studies.sprites.cell import SPRITES, SpritesRow, scores_of, valid_mig

ROTATION = "rotation"
ROTATIONS = 10


def rotation_row(seed: int) -> SpritesRow:
    """Returns the row of a rotated perfect code: without a rate, since it is no model."""
    params = StageParams(preset_config(SPRITES).to_dict())
    with tempfile.TemporaryDirectory() as folder:
        data = store(DATASETS.build(params.data, raw=None), folder)
        valid, test = (rotated_factors(split, params.latent_dim, seed) for split in (data.valid, data.test))
        row = {"method": ROTATION, "weight": 0.0, "seed": seed}
        return row | valid_mig(valid, data.valid) | scores_of(test, data.test)


def rotated_factors(split: Split, dimensions: int, seed: int) -> ImageCodes:
    """Returns the standardised factors, and noise in the dimensions left over, rotated at random: [N, d]."""
    assert split.factors is not None
    rng = np.random.default_rng(seed)
    factors = varying_factors(split.factors)
    rotation = ortho_group.rvs(dimensions, random_state=rng)
    standard = (factors - factors.mean(0)) / factors.std(0)
    noise = rng.standard_normal((len(factors), dimensions - factors.shape[1]))
    return ImageCodes(np.concatenate([standard, noise], axis=1) @ rotation)

"""Everything that diagnose measures of a trained model, on the validation split."""

import math
from dataclasses import dataclass
from pathlib import Path
from typing import Self

import pandas as pd
from torch import Tensor

from vaeline.data.observations import Observations
from vaeline.data.prepared import Prepared
from vaeline.evaluation import latent_use, neighbours, symptoms
from vaeline.evaluation.chunks import device_of
from vaeline.evaluation.disentanglement.codes import ImageCodes
from vaeline.evaluation.disentanglement.excess import excess_rate
from vaeline.evaluation.disentanglement.scores import disentanglement_scores
from vaeline.evaluation.estimators.latents import Latents, measure_latents
from vaeline.evaluation.observing import evaluation_set
from vaeline.evaluation.samples.features import SAMPLE_FEATURES
from vaeline.models.contracts import Model


@dataclass(frozen=True, eq=False)
class Diagnostics:
    """What findings and pictures of a model rest on.

    Attributes:
        examples: The validation split as the likelihood scores it, [N, *event_shape].
        latents: Its latents.
        dimensions: The table of latent dimensions, in order of their KL.
        samples: E[x|z] at z ~ p(z), as the model observes them, [M, *event_shape].
        nearest: The nearest training example of each sample.
        metrics: Every measure by name; the standard error of `x` is `x_se`.
    """

    examples: Observations
    latents: Latents
    dimensions: pd.DataFrame
    samples: Tensor
    nearest: neighbours.NearestNeighbours
    metrics: dict[str, float]

    @classmethod
    def of_model(cls, model: Model, data: Prepared, history: pd.DataFrame, features: Path) -> Self:
        """Measures `model`, whose training had this `history`; draws depend on torch's seed.

        Args:
            model: The trained model.
            data: The data that it was trained on.
            history: What `symptoms.read_history` returns.
            features: Folder that fid_reference has written its classifier to.
        """
        examples = evaluation_set(model, data.valid)
        latents = measure_latents(model, examples)
        samples = neighbours.neighbour_samples(model)
        nearest = neighbours.nearest_neighbours(samples, data.train.values)
        metrics = latent_use.latent_statistics(latents)
        metrics |= latent_use.squared_errors(model, examples) | model.measures(latents.mean)
        metrics |= neighbours.copying_scores(nearest, neighbours.held_out_neighbours(data))
        metrics |= disentanglement_scores(ImageCodes.of(latents), data.valid.factors)
        metrics |= excess_rate(latents, data.train)
        sample_features = SAMPLE_FEATURES[len(data.shape)].load(model, features, device_of(model))
        metrics |= symptoms.history_symptoms(history, math.prod(data.shape))
        metrics |= symptoms.model_symptoms(model, data)
        metrics |= symptoms.sample_symptoms(model, sample_features, data)
        return cls(examples, latents, latent_use.dimension_table(latents), samples, nearest, metrics)

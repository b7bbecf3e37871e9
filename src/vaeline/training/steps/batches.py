"""The minibatches of a training, as the model observes them."""

import functools
import math
from collections.abc import Iterator, Sequence
from typing import NamedTuple

import torch
from torch import Tensor

from vaeline.data.augmentation import Augmentation
from vaeline.data.draws import Draws
from vaeline.data.observations import Observations, resident
from vaeline.evaluation.observing import observe
from vaeline.models.contracts import Model
from vaeline.models.distributions.noise import Noise
from vaeline.training.params import BatchParams
from vaeline.training.sharing import Share
from vaeline.training.steps.noise import TrainingNoise


class MinibatchRows(NamedTuple):
    """Which images a minibatch has.

    Attributes:
        number: of the minibatch in the training, from 0.
        indices: of its images, int64 [B], where these lie.
    """

    number: int
    indices: Tensor


class Minibatch(NamedTuple):
    """What this process computes of a minibatch.

    Attributes:
        x: what the model observes, [B, *event_shape] in [0, 1].
        noise: the noise of its draws.
        share: which of the minibatch's rows these are.
    """

    x: Observations
    noise: Noise
    share: Share


class Batches:
    """Makes minibatches of the training images, each epoch in another order: augmented, and observed."""

    def __init__(self, model: Model, images: Observations, params: BatchParams) -> None:
        """Makes them for `model` of its training set `images`, uint8 [N, *event_shape]."""
        self.model, self.params = model, params
        self.device = next(model.parameters()).device
        self.images = resident(images, self.device)
        self.augment = Augmentation(params)
        self.noise = TrainingNoise(params.seed, self.device)
        self._share = functools.cache(Share.mine)

    def updates(self, epoch: int) -> Iterator[list[MinibatchRows]]:
        """Yields which minibatches each update of `epoch`, from 0, has."""
        first = epoch * math.ceil(len(self.images) / self.params.batch_size)
        minibatches = self._order(first).to(self.images.device).split(self.params.batch_size)
        for start in range(0, len(minibatches), self.params.accumulate):
            of_update = minibatches[start : start + self.params.accumulate]
            yield [
                MinibatchRows(number, index) for number, index in enumerate(of_update, start=first + start)
            ]

    def _order(self, number: int) -> Tensor:
        count = len(self.images)
        return self.noise.order(number, count) if self.params.shuffle else torch.arange(count)

    def minibatch(self, rows: MinibatchRows) -> Minibatch:
        """Returns this process's part of a minibatch; use one before asking for the next."""
        return self.observed(rows.indices, self.generators(rows))

    def generators(self, rows: MinibatchRows) -> list[torch.Generator]:
        """Returns the generators of a minibatch's noise, each at its beginning."""
        return self.noise.seeded(rows.number, self._share(len(rows.indices)))

    def observed(self, indices: Tensor, generators: Sequence[torch.Generator]) -> Minibatch:
        """Returns this process's rows of the images `indices`, with noise from these `generators`."""
        share = self._share(len(indices))
        draws = Draws(generators, share.part_rows, share.kept)
        images = self.images.index_select(0, indices[share.rows])
        x = observe(self.model, self.augment(images, draws), draws)
        return Minibatch(x.to(self.device), draws.noise, share)

"""The minibatches of a training, as the model observes them."""

import functools
from collections.abc import Iterator
from typing import NamedTuple

import torch
from torch import Tensor

from vaeline.data.augmentation import Augmentation
from vaeline.data.observations import Observations, resident
from vaeline.evaluation.observing import observe
from vaeline.models.contracts import Model
from vaeline.models.distributions.noise import Noise
from vaeline.training.noise import TrainingNoise
from vaeline.training.params import BatchParams
from vaeline.training.sharing import Share


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

    def epoch(self, step: int) -> Iterator[Minibatch]:
        """Yields this process's rows of every minibatch of the epoch that begins at `step`."""
        order = self._order(step).to(self.images.device)
        for number, index in enumerate(order.split(self.params.batch_size), start=step):
            share = self._share(len(index))
            draws = self.noise.draws(number, share)
            images = self.images.index_select(0, index[share.rows])
            x = observe(self.model, self.augment(images, draws), draws)
            yield Minibatch(x.to(self.device), draws.noise, share)

    def _order(self, step: int) -> Tensor:
        count = len(self.images)
        return self.noise.order(step, count) if self.params.shuffle else torch.arange(count)

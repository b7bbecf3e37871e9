"""The models that are trained here, and the images that they are trained on."""

from collections.abc import Mapping
from typing import Any

import torch
from torch import Tensor

from vaeline.config import ExperimentConfig
from vaeline.core.errors import VaelineError
from vaeline.core.params import StageParams
from vaeline.data.prepared import Prepared
from vaeline.models.catalog import MODELS
from vaeline.models.vae import VAE
from vaeline.runtime.devices import device

ENDLESS = 1_000_000  # epochs
MNIST_SHAPE = (1, 28, 28)
MLP_PARAMS: Mapping[str, Any] = {
    "hidden_dim": 400,
    "latent_dim": 20,
    "network": {"name": "mlp", "mlp": {"depth": 1}},
}


def params(**changes: Any) -> StageParams:
    """Returns the default params with `changes`; a section in them has defaults for its other options."""
    return StageParams(ExperimentConfig().to_dict() | {"epochs": ENDLESS} | changes)


def vae(changes: Mapping[str, Any], event_shape: tuple[int, ...] = MNIST_SHAPE) -> VAE:
    """Returns an untrained model of the default params with `changes`, on the device that stages use."""
    config = params(**changes)
    model = MODELS.build(config.model, config=config, event_shape=event_shape)
    assert isinstance(model, VAE)
    return model.to(device(config.device))


def mnist() -> tuple[Tensor, Tensor]:
    """Returns MNIST's training and validation images, uint8 [N, 1, 28, 28].

    Raises VaelineError if another data set, or none, is prepared.
    """
    data = Prepared.open()
    if data.name != "mnist":
        raise VaelineError(f"data/prepared holds {data.name}: run `dvc repro prepare` with data.name: mnist")
    return torch.from_numpy(data.train.values.copy()), torch.from_numpy(data.valid.values.copy())


def noise_images(shape: tuple[int, ...], *counts: int) -> tuple[Tensor, ...]:
    """Returns sets of so many images of random levels, uint8 [count, *shape]."""
    noise = torch.Generator().manual_seed(0)
    return tuple(torch.randint(256, (n, *shape), dtype=torch.uint8, generator=noise) for n in counts)

"""The params of a training that remedies look at, and the measures that detectors look at."""

from collections.abc import Mapping
from typing import TypedDict

Measurements = Mapping[str, float]
"""Measures by name; the standard error of a measure, if it has one, is under `<name>_se`."""


class _Name(TypedDict):
    name: str


class _Mlp(TypedDict):
    depth: int


class _Convolutions(TypedDict):
    channels: int


class _Network(TypedDict):
    name: str
    mlp: _Mlp
    conv: _Convolutions
    residual: _Convolutions


class _Diagonal(TypedDict):
    log_var_max: float


class _Posterior(TypedDict):
    diagonal: _Diagonal


class _Gaussian(TypedDict):
    variance: str
    scale: float


class _Bernoulli(TypedDict):
    binarization: str


class _Likelihood(TypedDict):
    name: str
    gaussian: _Gaussian
    bernoulli: _Bernoulli


class RemedyParams(TypedDict):
    """The part of a training's params, nested, that remedies depend on."""

    beta: float
    learning_rate: float
    grad_clip: float
    hidden_dim: int
    latent_dim: int
    epochs: int
    patience: int
    kl_schedule: str
    kl_warmup_epochs: float
    kl_cycles: int
    free_bits: float
    augment_shift: int
    model: _Name
    network: _Network
    posterior: _Posterior
    prior: _Name
    likelihood: _Likelihood
    objective: _Name

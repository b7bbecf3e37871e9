"""Epochs of training, as the train stage runs them."""

import contextlib
import tempfile
from collections.abc import Callable, Iterator, Mapping
from functools import partial
from pathlib import Path
from typing import Any

import torch
from torch import Tensor

from benchmarks.harness import VAELINE, Contestant, Ratio, Times, race, significant
from benchmarks.loop import stage_loop
from benchmarks.models import MLP_PARAMS, mnist, noise_images, vae
from benchmarks.peers import Eager, Plain, Pythae, PytorchExamples
from benchmarks.products import products, replay
from benchmarks.roofline import one_pass
from vaeline.config import ExperimentConfig
from vaeline.models.vae import VAE
from vaeline.runtime.devices import device

FRACTION = 4  # the peers train on 1/4 of an epoch, in whole batches: their time is linear in the images
EXAMPLES_FRACTION = 8
HELD_OUT = 5  # training images to each validation image, as in MNIST's split
COMPILED = "first_epoch_extra_seconds"
MNIST = 50_000  # training images

# The network and batch size of Burda et al. (2016).
BURDA_PARAMS: Mapping[str, Any] = {
    "hidden_dim": 200,
    "latent_dim": 50,
    "batch_size": 20,
    "network": {"name": "mlp", "activation": "tanh", "mlp": {"depth": 2, "taper": 1.0}},
}
CONV_PARAMS: Mapping[str, Any] = {"latent_dim": 128, "batch_size": 64, "network": {"name": "conv"}}
CONV_SHAPE = (3, 64, 64)
CONV_IMAGES = 2560  # of an epoch, after which a training saves its state: with few, that is all one sees


def epoch() -> list[Ratio]:
    """An epoch of MNIST: 784–400–20, batches of 128, with validation, record and saved state."""
    images, valid = mnist()
    with _ours(images, valid, MLP_PARAMS) as (folder, ours):
        model = vae(MLP_PARAMS)
        few, fewer = (_part(images, valid, n) for n in (FRACTION, EXAMPLES_FRACTION))
        pythae, examples = Pythae(model, *few, 128, folder), PytorchExamples(*fewer, 128)
        contestants = {
            VAELINE: Contestant(ours, len(images)),
            "pythae": Contestant(pythae.epoch, len(few[0])),
            "pytorch/examples": Contestant(examples.epoch, len(fewer[0])),
            "matrix products": _products(model, few, 128),
            "roofline": _products(model, few, 128, roofline=True),
        }
        times, details = _with_compiling(race("epoch", contestants, rounds=5), len(images))
    return [
        times.ratio("epoch", "pythae", **details),
        times.ratio("epoch", "pytorch/examples", **details),
        times.ratio("epoch", "matrix products", 0.65, share=True, **details),
        times.ratio("epoch", "roofline", share=True, **details),
    ]


def small_batch() -> list[Ratio]:
    """Batches of 20 for the network of Burda et al. (2016): 784–200–200–50, tanh."""
    images, valid = (split[::2] for split in mnist())
    with _ours(images, valid, BURDA_PARAMS) as (_, ours):
        model, few = vae(BURDA_PARAMS), _part(images, valid, FRACTION)
        contestants = {
            VAELINE: Contestant(ours, len(images)),
            "eager PyTorch": Contestant(Eager(model, *few, 20).epoch, len(few[0])),
            "matrix products": _products(model, few, 20),
            "roofline": _products(model, few, 20, roofline=True),
        }
        times, details = _with_compiling(race("small_batch", contestants, rounds=5), len(images))
    return [
        times.ratio("small_batch", "eager PyTorch", **details),
        times.ratio("small_batch", "matrix products", 0.4, share=True, **details),
        times.ratio("small_batch", "roofline", share=True, **details),
    ]


def conv() -> list[Ratio]:
    """The convolutional network at 64×64×3, batches of 64."""
    images, valid = noise_images(CONV_SHAPE, CONV_IMAGES, CONV_IMAGES // HELD_OUT)
    with _ours(images, valid, CONV_PARAMS) as (folder, ours):
        model, few = vae(CONV_PARAMS, CONV_SHAPE), _part(images, valid, FRACTION)
        pythae = Pythae(model, *few, 64, folder)
        contestants = {
            VAELINE: Contestant(ours, len(images)),
            "pythae": Contestant(pythae.epoch, len(few[0])),
            "convolutions": _products(model, few, 64),
            "roofline": _products(model, few, 64, roofline=True),
        }
        times, details = _with_compiling(race("conv", contestants, rounds=3), len(images))
    return [
        times.ratio("conv", "pythae", 1.0, **details),
        times.ratio("conv", "convolutions", 0.8, share=True, **details),
        times.ratio("conv", "roofline", share=True, **details),
    ]


@contextlib.contextmanager
def _ours(
    images: Tensor, valid: Tensor, changes: Mapping[str, Any]
) -> Iterator[tuple[Path, Callable[[], None]]]:
    """Yields a temporary folder, and a function that trains one epoch in it."""
    with tempfile.TemporaryDirectory() as name:
        with stage_loop(images, valid, Path(name), **changes) as epochs:
            yield Path(name), partial(next, epochs)


def _with_compiling(times: Times, images: int) -> tuple[Times, dict[str, Any]]:
    """Returns our times with the extra time of the first epoch, spread over a default training on MNIST."""
    extra = significant(times.warm_up() * images)
    per_image = extra / (ExperimentConfig().epochs * MNIST)
    return times.plus(VAELINE, per_image), {COMPILED: extra, "images": images}


def _part(images: Tensor, valid: Tensor, fraction: int) -> tuple[Tensor, Tensor]:
    n = len(images) // fraction // 128 * 128
    return images[:n], valid[: n // HELD_OUT]


def _products(model: VAE, sets: tuple[Tensor, Tensor], batch_size: int, roofline: bool = False) -> Contestant:
    """Returns an epoch's products: both ways over the training images, forward over the validation's.

    With `roofline`, also one pass over memory for each step.
    """
    where, plain = device("auto"), Plain(model)
    batch, valid = (s[:n].to(where).float() / 255 for s, n in zip(sets, (batch_size, 4096), strict=True))
    steps, scores = products(plain, batch, backward=True), products(plain, valid, backward=False)
    if roofline:
        with torch.no_grad():
            steps.append(one_pass(plain, batch, plain(batch)[0], backward=True))
            scores.append(one_pass(plain, valid, plain(valid)[0], backward=False))
    count = len(sets[0]) // batch_size

    def run() -> None:
        replay(steps, count)
        replay(scores, max(1, len(sets[1]) // len(valid)))

    return Contestant(run, count * batch_size)

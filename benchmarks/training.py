"""Work: epochs of training, as the train stage runs them."""

import contextlib
import tempfile
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

import torch
from torch import Tensor, nn

from benchmarks.harness import VAELINE, Contestant, Ratio, Times, race, significant
from benchmarks.loop import MLP_PARAMS, mnist, stage_loop, vae
from benchmarks.peers import Eager, Plain, Pythae, PytorchExamples
from benchmarks.products import products, replay
from vaeline.config import ExperimentConfig
from vaeline.runtime.devices import device

FRACTION = 4  # of an epoch is what others train on, in whole batches: their loops are linear in the images
EXAMPLES_FRACTION = 8
HELD_OUT = 5  # training images for each validation image, as in MNIST's split
COMPILED = "first_epoch_extra_seconds"
MNIST = 50_000  # training images

# The net and batch of Burda et al. (2016), and the guide's convolutional net with one layer more.
PAPERS = {
    "hidden_dim": 200,
    "latent_dim": 50,
    "batch_size": 20,
    "network": {"name": "mlp", "activation": "tanh", "mlp": {"depth": 2, "taper": 1.0}},
}
CONV = {"latent_dim": 128, "batch_size": 64, "network": {"name": "conv"}}
CONV_SHAPE = (3, 64, 64)


def epoch() -> list[Ratio]:
    """An MNIST epoch: 784–400–20, batches of 128, with validation, record and state on the disk."""
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
        }
        times, more = _with_compiling(race("epoch", contestants, rounds=5), len(images))
    return [
        times.row("epoch", "pythae", 2.0, **more),
        times.row("epoch", "pytorch/examples", 6.0, **more),
        times.row("epoch", "matrix products", 0.65, share=True, aim=0.8, **more),
    ]


def small_batch() -> list[Ratio]:
    """Batches of 20 for the net of Burda et al. (2016): 784–200–200–50, tanh."""
    images, valid = (split[::8] for split in mnist())
    with _ours(images, valid, PAPERS) as (_, ours):
        model = vae(PAPERS)
        contestants = {
            VAELINE: Contestant(ours, len(images)),
            "eager PyTorch": Contestant(Eager(model, images, valid, 20).epoch, len(images)),
            "matrix products": _products(model, (images, valid), 20),
        }
        times, more = _with_compiling(race("small_batch", contestants, rounds=5), len(images))
    return [
        times.row("small_batch", "eager PyTorch", 1.8, aim=3.0, **more),
        times.row("small_batch", "matrix products", share=True, **more),
    ]


def conv() -> list[Ratio]:
    """The convolutional net at 64×64×3, batches of 64."""
    noise = torch.Generator().manual_seed(0)
    images, valid = (
        torch.randint(256, (n, *CONV_SHAPE), dtype=torch.uint8, generator=noise) for n in (640, 128)
    )
    with _ours(images, valid, CONV) as (folder, ours):
        model = vae(CONV, CONV_SHAPE)
        pythae = Pythae(model, images, valid, 64, folder)
        contestants = {
            VAELINE: Contestant(ours, len(images)),
            "pythae": Contestant(pythae.epoch, len(images)),
            "convolutions": _products(model, (images, valid), 64),
        }
        times, more = _with_compiling(race("conv", contestants, rounds=3), len(images))
    return [
        times.row("conv", "pythae", 1.5, **more),
        times.row("conv", "convolutions", share=True, **more),
    ]


@contextlib.contextmanager
def _ours(images: Tensor, valid: Tensor, changes: Mapping[str, Any]) -> Iterator[tuple[Path, Any]]:
    """Yields a temporary folder, and a call that trains one epoch in it."""
    with tempfile.TemporaryDirectory() as name:
        with stage_loop(images, valid, Path(name), **changes) as epochs:
            yield Path(name), lambda: next(epochs)


def _with_compiling(times: Times, images: int) -> tuple[Times, dict[str, float]]:
    """Returns our times with what the first epoch took longer, spread over a default training on MNIST."""
    extra = significant(times.extra_of_the_first() * images)
    spread = extra / (ExperimentConfig().epochs * MNIST)
    return times.plus(VAELINE, spread), {COMPILED: extra, "images": images}


def _part(images: Tensor, valid: Tensor, fraction: int) -> tuple[Tensor, Tensor]:
    n = len(images) // fraction // 128 * 128
    return images[:n], valid[: n // HELD_OUT]


def _products(model: nn.Module, sets: tuple[Tensor, Tensor], batch_size: int) -> Contestant:
    """Those of an epoch: forward and backward over the training images, forward over the validation's."""
    where, plain = device("auto"), Plain(model)
    batch, whole = (s[:n].to(where).float() / 255 for s, n in zip(sets, (batch_size, 4096), strict=True))
    steps, looks = products(plain, batch, backward=True), products(plain, whole, backward=False)
    count = len(sets[0]) // batch_size

    def run() -> None:
        replay(steps, count)
        replay(looks, max(1, len(sets[1]) // len(whole)))

    return Contestant(run, count * batch_size)

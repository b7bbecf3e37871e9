"""Work: Inception's features, and the Fréchet distance of 2,048 features."""

import contextlib
import os
import tempfile
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path
from unittest.mock import patch

import numpy as np
import torch
from torch import nn

from benchmarks.harness import VAELINE, Contestant, Ratio, race, significant
from benchmarks.loop import mnist
from vaeline.evaluation.fid.features import extract_features
from vaeline.evaluation.fid.frechet import feature_statistics, frechet_distance
from vaeline.evaluation.fid.inception import INCEPTION_FILE, Inception
from vaeline.evaluation.fid.scores import feature_distance
from vaeline.runtime.devices import device

INCEPTION_IMAGES = 64
SAME = 1e-3  # largest relative difference of two distances that are to be one
PEERS_BATCH = 50  # pytorch-fid's default
INCEPTION_FEATURES = 2048


def inception() -> list[Ratio]:
    """Features of two halves of images by Inception with random weights; pytorch-fid reads them as PNGs."""
    from pytorch_fid.fid_score import get_activations
    from pytorch_fid.inception import InceptionV3

    images = mnist()[0][:INCEPTION_IMAGES].numpy()
    workers = min(8, len(os.sched_getaffinity(0)))  # as its command has it
    found: dict[str, np.ndarray] = {}
    with tempfile.TemporaryDirectory() as name, random_weights(Path(name)):
        where = device("auto")
        files, ours, theirs = _png(images, Path(name)), Inception(where), InceptionV3().to(where)

        def extract() -> None:
            found[VAELINE] = extract_features(ours, images)

        def activations() -> None:
            found["pytorch-fid"] = get_activations(
                files, theirs, PEERS_BATCH, INCEPTION_FEATURES, where, num_workers=workers
            )

        contestants = {
            VAELINE: Contestant(extract, INCEPTION_IMAGES),
            "pytorch-fid": Contestant(activations, INCEPTION_IMAGES),
        }
        times = race("inception", contestants, rounds=3)
    own, peer = (feature_distance(*np.array_split(found[name], 2)) for name in contestants)
    difference = significant(abs(own / peer - 1))
    row = times.row("inception", "pytorch-fid", 1.8, images=INCEPTION_IMAGES, distance_difference=difference)
    return [replace(row, same=difference <= SAME)]


def frechet() -> list[Ratio]:
    """The Fréchet distance from the moments of 2,048 features; pytorch-fid's takes SciPy's sqrtm."""
    from pytorch_fid.fid_score import calculate_frechet_distance

    noise = np.random.default_rng(0)
    mixing = [
        noise.normal(size=(INCEPTION_FEATURES, INCEPTION_FEATURES)) / INCEPTION_FEATURES**0.5
        for _ in range(2)
    ]
    halves = [noise.normal(size=(2 * INCEPTION_FEATURES, INCEPTION_FEATURES)) @ matrix for matrix in mixing]
    moments = [moment for half in halves for moment in feature_statistics(half)]
    found = {}
    contestants = {
        VAELINE: Contestant(lambda: found.update(ours=frechet_distance(*moments))),
        "pytorch-fid": Contestant(lambda: found.update(theirs=calculate_frechet_distance(*moments))),
    }
    times = race("frechet", contestants, rounds=1)
    difference = significant(abs(found["ours"] / found["theirs"] - 1))
    row = times.row("frechet", "pytorch-fid", 10.0, distance_difference=difference)
    return [replace(row, same=difference <= SAME)]


@contextlib.contextmanager
def random_weights(home: Path) -> Iterator[None]:
    """Within the block, torch hub finds Inception's weights in `home`: the real file's format, He-scaled."""
    import torchvision

    with torch.random.fork_rng():
        torch.manual_seed(0)
        network = torchvision.models.inception_v3(
            num_classes=1008, aux_logits=False, weights=None, init_weights=False
        )
        for module in network.modules():
            if isinstance(module, nn.Conv2d):
                nn.init.kaiming_normal_(module.weight, nonlinearity="relu")
    folder = home / "hub" / "checkpoints"
    folder.mkdir(parents=True)
    torch.save(network.state_dict(), folder / INCEPTION_FILE)
    with patch.dict(os.environ, {"TORCH_HOME": str(home)}):
        yield


def _png(images: np.ndarray, folder: Path) -> list[Path]:
    from PIL import Image

    paths = [folder / f"{number:04}.png" for number in range(len(images))]
    for image, path in zip(images, paths, strict=True):
        Image.fromarray(image[0]).save(path)
    return paths

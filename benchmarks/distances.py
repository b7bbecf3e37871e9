"""Inception's features, and the Fréchet distance of 2,048 features."""

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
from benchmarks.models import mnist
from vaeline.evaluation.fid.features import extract_features
from vaeline.evaluation.fid.frechet import feature_statistics, frechet_distance
from vaeline.evaluation.fid.inception import INCEPTION_FILE, Inception
from vaeline.evaluation.fid.scores import feature_distance
from vaeline.runtime.devices import device

INCEPTION_IMAGES = 64
SAME_DISTANCE = 1e-3  # relative difference below which two distances count as the same
PEERS_BATCH = 50  # pytorch-fid's default
INCEPTION_FEATURES = 2048
PYTORCH_FID = "pytorch-fid"


def inception(count: int = INCEPTION_IMAGES) -> list[Ratio]:
    """Features of images by Inception with random weights; pytorch-fid reads them as PNGs."""
    from pytorch_fid.fid_score import get_activations
    from pytorch_fid.inception import InceptionV3

    images = mnist()[0][:count].numpy()
    workers = min(8, len(os.sched_getaffinity(0)))  # as pytorch-fid's command chooses them
    extracted: dict[str, np.ndarray] = {}
    with tempfile.TemporaryDirectory() as name, random_weights(Path(name)):
        where = device("auto")
        files, ours, theirs = _pngs(images, Path(name)), Inception(where), InceptionV3().to(where)

        def extract() -> None:
            extracted[VAELINE] = extract_features(ours, images)

        def activations() -> None:
            extracted[PYTORCH_FID] = get_activations(
                files, theirs, PEERS_BATCH, INCEPTION_FEATURES, where, num_workers=workers
            )

        contestants = {
            VAELINE: Contestant(extract, count),
            PYTORCH_FID: Contestant(activations, count),
        }
        times = race("inception", contestants, rounds=3)
    # As a check, the distance between the two halves of the images.
    own, peer = (feature_distance(*np.array_split(extracted[name], 2)) for name in contestants)
    difference = significant(abs(own / peer - 1))
    ratio = times.ratio("inception", PYTORCH_FID, 1.8, images=count, distance_difference=difference)
    return [replace(ratio, same=difference <= SAME_DISTANCE)]


def frechet() -> list[Ratio]:
    """The Fréchet distance from the moments of 2,048 features; pytorch-fid uses SciPy's sqrtm."""
    from pytorch_fid.fid_score import calculate_frechet_distance

    noise = np.random.default_rng(0)
    mixing = [
        noise.normal(size=(INCEPTION_FEATURES, INCEPTION_FEATURES)) / INCEPTION_FEATURES**0.5
        for _ in range(2)
    ]
    halves = [noise.normal(size=(2 * INCEPTION_FEATURES, INCEPTION_FEATURES)) @ matrix for matrix in mixing]
    moments = [moment for half in halves for moment in feature_statistics(half)]
    distances: dict[str, float] = {}
    contestants = {
        VAELINE: Contestant(lambda: distances.update({VAELINE: frechet_distance(*moments)})),
        PYTORCH_FID: Contestant(
            lambda: distances.update({PYTORCH_FID: calculate_frechet_distance(*moments)})
        ),
    }
    times = race("frechet", contestants, rounds=1)
    difference = significant(abs(distances[VAELINE] / distances[PYTORCH_FID] - 1))
    ratio = times.ratio("frechet", PYTORCH_FID, 10.0, distance_difference=difference)
    return [replace(ratio, same=difference <= SAME_DISTANCE)]


@contextlib.contextmanager
def random_weights(home: Path) -> Iterator[None]:
    """Within the block, torch hub finds Inception weights in `home`: the real file's format, He-scaled."""
    import torchvision

    with torch.random.fork_rng():
        torch.manual_seed(0)
        network = torchvision.models.inception_v3(
            num_classes=1008, aux_logits=False, weights=None, init_weights=False
        )
        for module in network.modules():
            if isinstance(module, nn.Conv2d):
                nn.init.kaiming_normal_(module.weight, nonlinearity="relu")
            if isinstance(module, nn.BatchNorm2d):  # new ones do nothing, and could be left out unnoticed
                values = {**dict(module.named_parameters()), **dict(module.named_buffers())}
                for name in ("weight", "running_var"):
                    nn.init.uniform_(values[name], 0.5, 1.5)
                for name in ("bias", "running_mean"):
                    nn.init.normal_(values[name], std=0.1)
    folder = home / "hub" / "checkpoints"
    folder.mkdir(parents=True)
    torch.save(network.state_dict(), folder / INCEPTION_FILE)
    with patch.dict(os.environ, {"TORCH_HOME": str(home)}):
        yield


def _pngs(images: np.ndarray, folder: Path) -> list[Path]:
    from PIL import Image

    paths = [folder / f"{number:04}.png" for number in range(len(images))]
    for image, path in zip(images, paths, strict=True):
        Image.fromarray(image[0]).save(path)
    return paths

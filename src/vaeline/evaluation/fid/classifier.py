"""A small convolutional classifier, whose penultimate layer gives features if Inception is not available."""

import math
from pathlib import Path
from typing import Self

import numpy as np
import torch
from torch import Tensor, nn
from torch.nn.functional import cross_entropy

from vaeline.core.files import read_tensors, write_tensors
from vaeline.core.progress import bar
from vaeline.data.arrays import ArraySource
from vaeline.evaluation.uncompiled import UncompiledAdamW
from vaeline.runtime.seeding import own_noise

CLASSIFIER_FEATURES = 64
# A seed of its own, so that the features do not depend on the seed of the run that they measure.
CLASSIFIER_SEED = 0
CLASSIFIER_STEPS = 1000  # at most: reached with 4,300 images or more
CLASSIFIER_EPOCHS = 30
CLASSIFIER_BATCH = 128
CLASSIFIER_LEARNING_RATE = 5e-3
WEIGHT_DECAY = 1e-2
QUARTERS = 4


class Classifier(nn.Module):
    """From uint8 images [B, C, H, W], 8×8 or larger, to features [B, 64], each of about unit variance.

    The variance is that over the training images, so that the Fréchet distance between the data and one of
    its images repeated is about 128.
    """

    def __init__(self, channels: int, classes: int) -> None:
        super().__init__()
        self.sizes = {"channels": channels, "classes": classes}
        self.convolutions = nn.Sequential(
            _convolution(channels, 16, stride=2),
            _convolution(16, 32),
            _convolution(32, 64, stride=2),
            _convolution(64, CLASSIFIER_FEATURES),
        )
        self.norm = nn.BatchNorm1d(CLASSIFIER_FEATURES, affine=False)
        self.head = nn.Linear(CLASSIFIER_FEATURES, classes)

    def forward(self, images: Tensor) -> Tensor:
        """Returns features, float32 [B, 64]."""
        maps = self.convolutions(images.float() / 255)  # [B, 64, H/4, W/4]
        return self.norm(maps.flatten(2).mean(2))

    def logits(self, images: Tensor) -> Tensor:
        """Returns float32 [B, classes]."""
        return self.head(self(images))

    def save(self, path: Path) -> None:
        """Writes sizes and weights; equal classifiers give equal bytes under any file name."""
        write_tensors(path, {"sizes": self.sizes, "weights": self.state_dict()})

    @classmethod
    def load(cls, path: Path) -> Self:
        """Returns the classifier in a file, in eval mode on the CPU; raises as `read_tensors` does."""
        content = read_tensors(path)
        classifier = cls(**content["sizes"])
        classifier.load_state_dict(content["weights"])
        return classifier.eval()


class RotatedImages:
    """Central squares of images [N, C, H, W], the i-th rotated by i mod 4 quarter turns when it is indexed.

    To tell the rotation, a network must know what the images show (Gidaris et al. 2018). It is the task where
    there are no classes, without which features would be those of random weights.
    """

    dtype = np.dtype(np.uint8)

    def __init__(self, images: ArraySource) -> None:
        count, channels, height, width = images.shape
        side = min(height, width)
        self.images, self.shape = images, (count, channels, side, side)
        self.top, self.left = (height - side) // 2, (width - side) // 2
        self.turns = np.arange(len(images)) % QUARTERS

    def __len__(self) -> int:
        return len(self.images)

    def __getitem__(self, rows: np.ndarray | slice) -> np.ndarray:
        side = self.shape[-1]
        down, across = (slice(first, first + side) for first in (self.top, self.left))
        pairs = zip(self.images[rows][..., down, across], self.turns[rows], strict=True)
        return np.stack([np.rot90(image, turns, axes=(1, 2)) for image, turns in pairs])


def _task(images: ArraySource, labels: np.ndarray, classes: int) -> tuple[ArraySource, np.ndarray, int]:
    """Returns images, what to predict for each, and the number of possible answers."""
    if classes > 1:
        return images, labels, classes
    rotated = RotatedImages(images)
    return rotated, rotated.turns, QUARTERS


def _convolution(inputs: int, outputs: int, stride: int = 1) -> nn.Module:
    convolution = nn.Conv2d(inputs, outputs, 3, stride, padding=1, bias=False)
    return nn.Sequential(convolution, nn.BatchNorm2d(outputs), nn.ReLU())


def train_classifier(
    images: ArraySource, labels: np.ndarray, classes: int, device: torch.device
) -> Classifier:
    """Returns a trained classifier in eval mode.

    On one machine, equal images give equal weights (on CUDA after `set_seed`). With a single class, it learns
    to tell how images are rotated, see `RotatedImages`.

    Args:
        images: uint8 [N, C, H, W].
        labels: int64 [N].
        classes: number of classes.
        device: where to train.
    """
    images, labels, classes = _task(images, labels, classes)
    steps = min(CLASSIFIER_STEPS, CLASSIFIER_EPOCHS * math.ceil(len(images) / CLASSIFIER_BATCH))
    with own_noise(CLASSIFIER_SEED):
        classifier = Classifier(images.shape[1], classes).to(device).train()
        optimizer = UncompiledAdamW(
            classifier.parameters(), CLASSIFIER_LEARNING_RATE, weight_decay=WEIGHT_DECAY
        )
        schedule = torch.optim.lr_scheduler.OneCycleLR(optimizer, CLASSIFIER_LEARNING_RATE, total_steps=steps)
        for _ in bar(range(steps), desc="classifier", unit="step"):
            index = torch.randint(len(images), (CLASSIFIER_BATCH,)).numpy()
            batch, target = (torch.from_numpy(part[index]).to(device) for part in (images, labels))
            optimizer.zero_grad()
            cross_entropy(classifier.logits(batch), target).backward()
            optimizer.step()
            schedule.step()
    return classifier.eval()


@torch.inference_mode()
def classifier_accuracy(
    classifier: Classifier, images: ArraySource, labels: np.ndarray, classes: int
) -> tuple[float, float]:
    """Returns the share of uint8 images [N, C, H, W] that are classified correctly, and its standard error.

    With a single class, it is the share whose rotation is recognised.
    """
    device = next(classifier.parameters()).device
    images, labels, _ = _task(images, labels, classes)
    correct = 0
    for start in range(0, len(images), CLASSIFIER_BATCH):
        rows = slice(start, start + CLASSIFIER_BATCH)
        logits = classifier.logits(torch.tensor(images[rows], device=device))
        correct += (logits.argmax(1).cpu().numpy() == labels[rows]).sum().item()
    share = correct / len(images)
    return share, (share * (1 - share) / len(images)) ** 0.5

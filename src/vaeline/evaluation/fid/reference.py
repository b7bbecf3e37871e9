"""The real half of each distance: measured once by fid_reference, and compared with every model by fid."""

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Self

import numpy as np
import torch
from torch import nn

from vaeline.core.errors import DamagedFileError, VaelineError
from vaeline.core.files import read_json, replacing, write_json
from vaeline.evaluation.fid.classifier import Classifier
from vaeline.evaluation.fid.features import extract_all
from vaeline.evaluation.fid.inception import Inception, inception_or_reason
from vaeline.evaluation.fid.scores import CLASSIFIER, INCEPTION, distance_floors, distance_scores, fid_caveats

MEASURE_AGAIN = "run `dvc repro --force --single-item fid_reference`"


@dataclass(frozen=True, eq=False)
class Reference:
    """The real half.

    Attributes:
        features: float32 [n, D] for each extractor.
        classifier: the extractor that is always available.
        floors: distances of other real images, by metric.
        mode: the param `fid_inception`.
        skipped: the reason why Inception is not among the extractors, or `""`.
        weights: the digest of Inception's weights, or `""`.
    """

    features: dict[str, np.ndarray]
    classifier: Classifier
    floors: dict[str, float]
    mode: str
    skipped: str
    weights: str

    @property
    def samples(self) -> int:
        """Number of images in each half."""
        return len(self.features[CLASSIFIER])

    @classmethod
    def measure(
        cls,
        real: np.ndarray,
        held_out: np.ndarray,
        classifier: Classifier,
        inception: Inception | None,
        mode: str,
        skipped: str,
    ) -> Self:
        """Returns the reference for `real`, with floors from `held_out` images, both uint8 [n, C, H, W]."""
        extractors: dict[str, nn.Module] = {CLASSIFIER: classifier}
        extractors |= {INCEPTION: inception} if inception else {}
        halves = {
            name: extract_all(name, extractor, real, held_out) for name, extractor in extractors.items()
        }
        features = {name: both[0] for name, both in halves.items()}
        weights = inception.weights if inception else ""
        return cls(features, classifier, distance_floors(halves), mode, skipped, weights)

    def scores(self, images: Mapping[str, np.ndarray], device: torch.device) -> dict[str, float | int | str]:
        """Returns the metrics of fid for the generated images of each source, uint8 [n, C, H, W].

        If the weights of Inception are not available, `fid_skipped` is the reason, and the other metrics are
        returned.

        Raises:
            VaelineError: if the weights are required, or are not those of the reference.
        """
        inception, skipped = self._inception(device)
        metrics: dict[str, float | int | str] = {"fid_samples": self.samples, **self.floors}
        metrics |= self._distances(CLASSIFIER, self.classifier.to(device), images)
        if inception is None:
            return metrics | {"fid_skipped": skipped}
        metrics |= self._distances(INCEPTION, inception, images)
        return metrics | fid_caveats(self.features[INCEPTION], self.weights)

    def _distances(
        self, name: str, extractor: nn.Module, images: Mapping[str, np.ndarray]
    ) -> dict[str, float]:
        metrics: dict[str, float] = {}
        for source, features in zip(images, extract_all(name, extractor, *images.values()), strict=True):
            metrics |= distance_scores(name, features, self.features[name], source)
        return metrics

    def _inception(self, device: torch.device) -> tuple[Inception | None, str]:
        if self.skipped:
            return None, self.skipped
        inception, skipped = inception_or_reason(self.mode, device)
        if inception and inception.weights != self.weights:
            raise VaelineError(f"Inception's weights are not those of the reference: {MEASURE_AGAIN}")
        return inception, skipped

    def save(self, folder: Path) -> None:
        """Writes the three files of the reference, each whole or not at all."""
        facts = {"floors": self.floors, "mode": self.mode, "skipped": self.skipped, "weights": self.weights}
        arrays: dict[str, Any] = dict(self.features)
        self.classifier.save(folder / "classifier.pt")
        with replacing(folder / "features.npz") as temporary:
            np.savez(temporary, **arrays)
        write_json(folder / "facts.json", facts)

    @classmethod
    def load(cls, folder: Path) -> Self:
        """Returns the reference in `folder`; raises VaelineError if it is missing or damaged."""
        try:
            with np.load(folder / "features.npz") as stored:
                features = dict(stored)
            classifier = Classifier.load(folder / "classifier.pt")
            return cls(features, classifier, **read_json(folder / "facts.json"))
        except FileNotFoundError as error:
            raise VaelineError(f"{error.filename}: missing; run `dvc repro fid_reference`") from None
        except Exception as error:  # damaged archives raise anything
            raise DamagedFileError(folder, f"damaged ({type(error).__name__})", MEASURE_AGAIN) from None

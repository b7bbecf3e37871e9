"""The real half: measured once by fid_reference, and what fid compares every model with."""

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Self

import numpy as np
import torch
from torch import nn

from vaeline.core.errors import VaelineError
from vaeline.core.files import read_json, replacing, write_json
from vaeline.evaluation.fid.classifier import Classifier
from vaeline.evaluation.fid.features import extract_all
from vaeline.evaluation.fid.inception import Inception, inception_or_reason
from vaeline.evaluation.fid.scores import CLASSIFIER, INCEPTION, distance_floors, distance_scores, fid_caveats

MEASURE_AGAIN = "run `dvc repro --force --single-item fid_reference`"


@dataclass(frozen=True, eq=False)
class Reference:
    """Features of the real half by extractor, float32 [n, D], and what else comparing with them needs."""

    features: dict[str, np.ndarray]
    classifier: Classifier
    distance_floors: dict[str, float]
    """Distances of other real images, by metric."""
    mode: str
    """What fid_inception was."""
    skipped: str
    """Why Inception is not among the extractors, or nothing."""
    weights: str
    """The digest of Inception's weights, or nothing."""

    @property
    def samples(self) -> int:
        """How many images each half has."""
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
        """Returns the reference for uint8 images [n, C, H, W]; as many `held_out` ones give the floors."""
        extractors = {CLASSIFIER: classifier} | ({INCEPTION: inception} if inception else {})
        halves = {
            name: extract_all(name, extractor, real, held_out) for name, extractor in extractors.items()
        }
        features = {name: both[0] for name, both in halves.items()}
        weights = inception.weights if inception else ""
        return cls(features, classifier, distance_floors(halves), mode, skipped, weights)

    def scores(self, images: Mapping[str, np.ndarray], device: torch.device) -> dict[str, float | int | str]:
        """Returns fid's metrics for each source's n generated images, uint8 [n, C, H, W].

        Where Inception's weights are not on this machine, `fid_skipped` says so and the rest stands; raises
        VaelineError if they were required, or are not the ones that the reference had.
        """
        inception, skipped = self._inception(device)
        metrics: dict[str, float | int | str] = {"fid_samples": self.samples, **self.floors}
        metrics |= self._scores(CLASSIFIER, self.classifier.to(device), images)
        if inception is None:
            return metrics | {"fid_skipped": skipped}
        metrics |= self._scores(INCEPTION, inception, images)
        return metrics | fid_caveats(self.features[INCEPTION], self.weights)

    def _scores(self, name: str, extractor: nn.Module, images: Mapping[str, np.ndarray]) -> dict[str, float]:
        real, metrics = self.features[name], {}
        for source, features in zip(images, extract_all(name, extractor, *images.values()), strict=True):
            metrics |= distance_scores(name, features, real, source)
        return metrics

    def _inception(self, device: torch.device) -> tuple[Inception | None, str]:
        if self.skipped:
            return None, self.skipped
        inception, skipped = inception_or_reason(self.mode, device)
        if inception and inception.weights != self.weights:
            raise VaelineError(f"Inception's weights are not those that the reference had: {MEASURE_AGAIN}")
        return inception, skipped

    def save(self, folder: Path) -> None:
        """Writes the three files of a reference, each whole or not at all."""
        facts = {"floors": self.floors, "mode": self.mode, "skipped": self.skipped, "weights": self.weights}
        self.classifier.save(folder / "classifier.pt")
        with replacing(folder / "features.npz") as temporary:
            np.savez(temporary, **self.features)
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
            raise VaelineError(f"{folder}: damaged ({type(error).__name__}): {MEASURE_AGAIN}") from None

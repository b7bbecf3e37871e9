"""The recorded trainings of a preset, one for each seed, with the bounds of each test image."""

import re
from collections.abc import Mapping
from dataclasses import dataclass

from torch import Tensor

from vaeline.core.errors import VaelineError
from vaeline.evaluation.estimators.estimate import Estimate
from vaeline.evaluation.per_image import read_bounds
from vaeline.experiments.presets import preset_overrides
from vaeline.experiments.records import PresetRecord, bounds_path, record_name, record_path, seeded

AGREEMENT = 1e-3  # nats that the mean of the rounded bounds may be away from the recorded NLL


@dataclass(frozen=True)
class RecordedTraining:
    """One training of a preset.

    Attributes:
        record: Its record.
        bounds: IWAE-K of each test image in nats, [N], where they were kept.
    """

    record: PresetRecord
    bounds: Tensor | None

    @property
    def nll(self) -> float:
        """The test NLL in nats."""
        return float(self.record["results"]["nll"])


def recorded_trainings(preset: str, records: Mapping[str, PresetRecord]) -> list[RecordedTraining]:
    """Returns the trainings of `preset`: that with its own seed first, then the others by seed.

    Args:
        preset: The preset.
        records: All records by name, see `load_records`.

    Raises:
        VaelineError: If a record was made with other overrides than the preset has today, or its bounds are
            of another training.
    """
    further = [re.fullmatch(rf"{re.escape(preset)}-seed-(\d+)", name) for name in records]
    seeds = [None, *sorted(int(match[1]) for match in further if match)]
    return [
        _recorded(preset, seed, records[record_name(preset, seed)])
        for seed in seeds
        if record_name(preset, seed) in records
    ]


def _recorded(preset: str, seed: int | None, record: PresetRecord) -> RecordedTraining:
    path, kept = record_path(preset, seed), bounds_path(preset, seed)
    again = f"vaeline preset {preset}" + ("" if seed is None else f" --seed {seed}")
    if record["overrides"] != seeded(preset_overrides(preset), seed):
        raise VaelineError(f"{path} was made before presets/{preset}.yaml changed: {again}")
    training = RecordedTraining(record, read_bounds(kept) if kept.exists() else None)
    if training.bounds is not None and abs(Estimate.of(training.bounds).mean + training.nll) > AGREEMENT:
        raise VaelineError(f"{kept} is not of the training in {path}: {again}")
    return training

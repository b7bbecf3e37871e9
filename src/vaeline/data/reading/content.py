"""What is in prepared data, in lines for a person: remarks on them, and the examples of each class."""

import hashlib
from collections.abc import Mapping
from typing import Any

import numpy as np

from vaeline.core.nouns import NOUNS, Noun
from vaeline.core.scaling import AnyScaling
from vaeline.data.arrays import ArraySource
from vaeline.data.prepared import SPLITS, Prepared
from vaeline.data.reading.copies import copies_lines
from vaeline.data.reading.dataset import DataSet, Examples

CLASSES_NAMED = 20
DIGEST_BYTES = 16


class Stored:
    """What is stored of `source`, computed when it is indexed, and what was noticed in it meanwhile.

    Attributes:
        digests: a hash of each example that was read, equal for equal values.
        constant: how many of them have one value everywhere.
    """

    def __init__(self, source: ArraySource, scaling: AnyScaling) -> None:
        self._source, self._scaling = source, scaling
        self.shape, self.dtype = source.shape, np.dtype(scaling.dtype)
        self.digests: list[bytes] = []
        self.constant = 0

    def __len__(self) -> int:
        return len(self._source)

    def __getitem__(self, rows: np.ndarray | slice) -> np.ndarray:
        values = np.ascontiguousarray(self._scaling.stored(self._source[rows]))
        self.digests += [
            hashlib.blake2b(example.data, digest_size=DIGEST_BYTES).digest() for example in values
        ]
        flat = values.reshape(len(values), -1)
        self.constant += int((flat == flat[:, :1]).all(1).sum())
        return values


def content(
    dataset: DataSet,
    splits: Mapping[str, tuple[Examples, np.ndarray]],
    values: Mapping[str, Stored],
) -> dict[str, Any]:
    """Returns the number of examples of each class in each split, and remarks, for the description.

    Args:
        dataset: where the examples are from.
        splits: for each split, the examples of which it is, and their indices.
        values: what was stored of each split, in the order of the indices.
    """

    def named(split: str, place: int) -> str:
        return dataset.named(split, int(splits[split][1][place]))

    noun = NOUNS[len(values["train"].shape) - 1]
    classes = len(dataset.classes)
    counts = {
        split: np.bincount(examples.labels[rows], minlength=classes)[:classes].tolist()
        for split, (examples, rows) in splits.items()
    }
    remarks = [
        *dataset.remarks(),
        *copies_lines({split: stored.digests for split, stored in values.items()}, named, noun),
        *_constant_lines({split: stored.constant for split, stored in values.items()}, noun),
    ]
    return {"counts": counts, "remarks": remarks}


def _constant_lines(counts: Mapping[str, int], noun: Noun) -> list[str]:
    some = [f"{count} in {split}" for split, count in counts.items() if count]
    return [f"{noun.examples} of one value everywhere: {', '.join(some)}"] if some else []


def content_lines(prepared: Prepared) -> list[str]:
    """Returns the remarks on the data, the sizes of the splits, and the examples of each class."""
    sizes = ", ".join(f"{len(split)} {name}" for name, split in prepared.splits.items())
    return [
        *prepared.description["remarks"],
        f"{prepared.name}: {sizes} {prepared.noun.examples} of {prepared.shape} in data/prepared",
        *_class_lines(prepared),
    ]


def _class_lines(prepared: Prepared) -> list[str]:
    counts = prepared.description["counts"]
    lines = [
        f"  {label}: {', '.join(f'{counts[name][number]} {name}' for name in SPLITS)}"
        for number, label in enumerate(prepared.classes[:CLASSES_NAMED])
    ]
    more = len(prepared.classes) - CLASSES_NAMED
    return [*lines, *([f"  and {more} other classes"] if more > 0 else [])]

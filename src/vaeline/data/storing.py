"""Storing the three splits of a data set: piece by piece, so that memory stays flat, and all or nothing."""

import hashlib
import math
from collections.abc import Iterator
from contextlib import ExitStack
from pathlib import Path
from typing import Any

import numpy as np

from vaeline.core.errors import VaelineError
from vaeline.core.files import replacing, write_json
from vaeline.core.scaling import TOP_LEVEL, AnyScaling
from vaeline.data.arrays import ArraySource
from vaeline.data.prepared import DESCRIPTION, FEWEST, SPLITS, Prepared, npy_header, sealed
from vaeline.data.reading.content import Stored, content
from vaeline.data.reading.dataset import DataSet, Examples
from vaeline.data.split import split_indices

STORE_CHUNK = 4096
"""Images read and written at a time, if they are small."""
PIECE_BYTES = 1 << 24
"""Bytes read and written at a time, if images are large."""
SIDES = {1: ("columns",), 3: ("channels", "height", "width")}
"""What the axes of an example are called, by their number."""


def store(dataset: DataSet, directory: Path | str) -> Prepared:
    """Splits `dataset` and stores it in `directory`: two or three .npy files a split, and description.json.

    The third file holds the factors, if they are known. Files of an earlier data set are replaced only when
    all new ones have been written.

    Raises:
        VaelineError: if the data cannot be obtained, or the sizes do not fit.
    """
    directory = Path(directory)
    training, test = dataset.training(), dataset.test()
    train, valid = split_indices(dataset, available=len(training.values))
    if len(test.values) < FEWEST["test"]:
        raise VaelineError(
            f"{dataset.name} has {len(test.values)} test examples, and at least {FEWEST['test']} are "
            "needed to evaluate: add some"
        )
    splits = {
        "train": (training, train),
        "valid": (training, valid),
        "test": (test, np.arange(len(test.values))),
    }
    scaling = dataset.scaling(train)
    values = {name: Stored(examples.values, scaling) for name, (examples, _) in splits.items()}
    arrays = {}
    with ExitStack() as stack:
        # Entered first, so moved into place last: there is never a description without its arrays.
        description = stack.enter_context(replacing(directory / DESCRIPTION))
        for name, (examples, indices) in splits.items():
            for field, source in _arrays(examples, values[name]).items():
                path = stack.enter_context(replacing(directory / f"{name}_{field}.npy"))
                arrays[f"{name}_{field}.npy"] = _write(path, source, indices)
        facts = _description(dataset, training, scaling, arrays) | content(dataset, splits, values)
        write_json(description, sealed(facts))
    return Prepared.open(directory)


def prepared_summary(prepared: Prepared) -> dict[str, int | float | str]:
    """Returns sizes and hashes of the prepared data, and the mean of what a model observes of train."""
    values = prepared.train.values
    return {
        "data": prepared.name,
        "train_size": len(prepared.train),
        "valid_size": len(prepared.valid),
        "test_size": len(prepared.test),
        "classes": len(prepared.classes),
        **dict(zip(SIDES[len(prepared.shape)], prepared.shape, strict=True)),
        **{f"{split}_sha256": prepared.hashes[f"{split}_values.npy"] for split in SPLITS},
        f"mean_{prepared.noun.value}": _mean(values),
    }


def _mean(values: np.ndarray) -> float:
    """Returns the mean of what a model observes."""
    if values.dtype == np.uint8:
        return int(values.sum(dtype=np.int64)) / (TOP_LEVEL * values.size)
    return float(values.mean(dtype=np.float64))


def _arrays(examples: Examples, values: ArraySource) -> dict[str, ArraySource]:
    known = {field: array for field, array in examples._asdict().items() if array is not None}
    return known | {"values": values}


def _description(
    dataset: DataSet, training: Examples, scaling: AnyScaling, arrays: dict[str, Any]
) -> dict[str, Any]:
    return {
        "name": dataset.name,
        "shape": list(training.values.shape[1:]),
        "values": scaling.model_dump(),
        "classes": list(dataset.classes),
        "split": dataset.options.split,
        "split_seed": dataset.options.split_seed,
        # A list, because a mapping is sorted in the file, and the order is that of the columns.
        **({"factors": list(dataset.factors.items())} if dataset.factors else {}),
        **({"columns": list(dataset.columns)} if dataset.columns else {}),
        **({"background": dataset.background} if dataset.background else {}),
        "arrays": arrays,
    }


def _write(path: Path, source: ArraySource, indices: np.ndarray) -> dict[str, Any]:
    """Writes `source[indices]` to `path`; returns its dtype, shape and SHA-256."""
    digest = hashlib.sha256()
    # Written, not mapped: on a full disk a write raises an error, while a mapping kills the process (SIGBUS).
    with path.open("wb") as file:
        for piece in _npy_pieces(source, indices):
            file.write(piece)
            digest.update(piece)
    shape = [len(indices), *source.shape[1:]]
    return {"dtype": source.dtype.name, "shape": shape, "sha256": digest.hexdigest()}


def _npy_pieces(source: ArraySource, indices: np.ndarray) -> Iterator[bytes | memoryview]:
    """Yields `source[indices]` as an .npy file: the header, then the values piece by piece."""
    shape = (len(indices), *source.shape[1:])
    yield npy_header(source.dtype, shape)
    size = math.prod(source.shape[1:]) * source.dtype.itemsize
    step = max(1, min(STORE_CHUNK, PIECE_BYTES // size))
    for start in range(0, len(indices), step):
        yield np.ascontiguousarray(source[indices[start : start + step]]).data

"""Labels and factors in arrays of the user's."""

from collections.abc import Sequence

import numpy as np

from vaeline.core.errors import VaelineError

TEXT_KINDS = "USO"
"""Kinds of dtypes that hold text."""


def checked_labels(name: str, labels: np.ndarray, count: int) -> np.ndarray:
    """Returns labels [count], whole numbers or text.

    Raises:
        VaelineError: if there are more or fewer, or if they are anything else.
    """
    _check_length(name, labels, count)
    if labels.ndim != 1 or labels.dtype.kind not in f"iub{TEXT_KINDS}":
        raise VaelineError(
            f"{name} has the shape {list(labels.shape)} and is {labels.dtype.name}: save whole numbers or "
            "text, one for each image"
        )
    if labels.dtype.kind == "S":
        return np.char.decode(labels, "utf-8")
    return labels.astype(str) if labels.dtype.kind in TEXT_KINDS else labels.astype(np.int64)


def encoded_labels(parts: Sequence[np.ndarray]) -> tuple[tuple[str, ...], list[np.ndarray]]:
    """Returns the distinct labels of all parts, sorted, and their numbers, int64 [N], for each part."""
    names, codes = np.unique(np.concatenate(parts), return_inverse=True)
    ends = np.cumsum([len(part) for part in parts])[:-1]
    return tuple(map(str, names)), np.split(codes.astype(np.int64), ends)


def checked_factors(name: str, factors: np.ndarray, count: int) -> np.ndarray:
    """Returns factors, int64 [count, F].

    Raises:
        VaelineError: if there are more or fewer rows, or if they are not indices of values, from 0 on.
    """
    _check_length(name, factors, count)
    if factors.ndim != 2 or factors.dtype.kind not in "iu" or (factors < 0).any():
        raise VaelineError(
            f"{name} has the shape {list(factors.shape)} and is {factors.dtype.name}: save whole numbers "
            "[N, F], for each image the index of each factor's value, from 0 on"
        )
    return factors.astype(np.int64)


def _check_length(name: str, array: np.ndarray, count: int) -> None:
    rows = array.shape[0] if array.ndim else 0
    if rows != count:
        raise VaelineError(f"{name} has {rows} rows for {count} images: save one for each image")

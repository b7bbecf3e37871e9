"""Measures that some data leave undefined: they are left out, and the metrics say which and why."""

import math
from collections.abc import Mapping, Sequence

REASONS = {
    "neighbour_ratio": "validation data are copies of training data",
    "sharpness": "the images have no fine detail",
}
OTHERWISE = "the data are too few or too alike for it"


def without_undefined(metrics: Mapping[str, float | int | str]) -> dict[str, float | int | str]:
    """Returns `metrics` without those that are NaN or infinite, and without the standard errors of these.

    If there are any, `undefined` says which, and why, and is printed.
    """
    undefined = [
        name for name, value in metrics.items() if not (isinstance(value, str) or math.isfinite(value))
    ]
    if not undefined:
        return dict(metrics)
    left_out = {*undefined, *(f"{name}_se" for name in undefined)}
    named = [name for name in undefined if name.removesuffix("_se") not in left_out - {name}]
    text = "; ".join(f"{name}: {REASONS.get(name, OTHERWISE)}" for name in named)
    print(f"left out, {text}")
    return {name: value for name, value in metrics.items() if name not in left_out} | {"undefined": text}


def without_images(shape: Sequence[int], what: str) -> dict[str, str]:
    """Returns, and prints, that `what` is left out, as the metric `left_out`; nothing for images.

    Args:
        shape: of an example, (C, H, W) of images.
        what: measures and pictures that need images.
    """
    if len(shape) == 3:
        return {}
    line = f"{what}: the data are not images, but rows of {shape[0]} columns"
    print(f"left out, {line}")
    return {"left_out": line}

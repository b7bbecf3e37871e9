"""Measures that are defined for images alone."""

from collections.abc import Sequence


def left_out(shape: Sequence[int], what: str) -> dict[str, str]:
    """Returns, and prints, that `what` is left out, for data whose examples have a shape other than (C, H, W).

    Returns:
        The line as the metric `left_out`; empty for images.
    """
    if len(shape) == 3:
        return {}
    line = f"{what}: they need images, and the data are rows of {shape[0]} columns"
    print(f"left out, {line}")
    return {"left_out": line}

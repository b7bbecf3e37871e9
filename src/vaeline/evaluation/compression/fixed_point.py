"""Outputs of networks as fixed-point numbers, so that encoder and decoder have the same ones."""

from torch import Tensor

FRACTION_BITS = 16


def fixed_point(values: Tensor) -> Tensor:
    """Returns `values`, float64, rounded to multiples of 2⁻¹⁶.

    Two processors, or two numbers of threads, add up in different orders. In double precision the sums differ
    by about 1e-15, which the rounding removes, but for one value in 10¹⁰ that lies next to a half.
    """
    return (values * 2.0**FRACTION_BITS).round() / 2.0**FRACTION_BITS

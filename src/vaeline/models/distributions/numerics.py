"""Numerical functions that stay finite where the naive form does not."""

import math

import torch
from torch import Tensor

VECTOR = 16  # numbers that a processor computes with at once
FACTORS = 126  # of a product of numbers up to 2 that float32 can hold


def safe_log_var(log_var: Tensor, min_val: float = -20.0, max_val: float = 20.0) -> Tensor:
    """Returns `log_var` bounded to [min_val, max_val], so that σ² stays away from 0 and ∞."""
    return torch.clamp(log_var, min=min_val, max=max_val)


def softly_above(values: Tensor, floor: float) -> Tensor:
    """Returns floor + log(1 + exp(values − floor)): `values` well above `floor`, and never below it."""
    return floor + torch.nn.functional.softplus(values - floor)


def rises_to(value: float, floor: float) -> float:
    """Returns the argument for which `softly_above` gives `value`, which is above `floor`: its inverse."""
    return value + math.log(-math.expm1(floor - value))


def in_full(values: Tensor) -> Tensor:
    """Returns `values` of half precision as float32, and others unchanged."""
    return values.float() if values.dtype in (torch.bfloat16, torch.float16) else values


def log_mean_exp(values: Tensor, dim: int = 0) -> Tensor:
    """Returns log((1/K) Σ exp(values)) over `dim` of size K, without overflow."""
    return torch.logsumexp(values, dim=dim) - math.log(values.shape[dim])


def sum_of_logs(values: Tensor) -> Tensor:
    """Returns Σ log v over the last axis, for v in [1, 2].

    The logarithm, by far the most expensive step, is taken of products of neighbours.
    """
    return values.unflatten(-1, (-1, _factors(values.shape[-1]))).prod(-1).log().sum(-1)


def _factors(count: int) -> int:
    """Returns how many of `count` values each product takes: if possible such that they fill vectors."""
    divisors = [divisor for divisor in range(1, FACTORS + 1) if count % divisor == 0]
    whole = [divisor for divisor in divisors if divisor % VECTOR == 0]
    return (whole or divisors)[-1]


def effective_sample_size(log_sum: Tensor, log_sum_squares: Tensor) -> Tensor:
    """Returns (Σw)²/Σw² of weights w, between 1 and their number, from log Σw and log Σw²."""
    return (2 * log_sum - log_sum_squares).exp()

"""The difference of a metric between two runs, if it measures the same in both."""

import math
from collections.abc import Mapping
from typing import Any

from vaeline.evaluation.estimators.estimate import estimate_text
from vaeline.reporting.page.figures import ERROR
from vaeline.reporting.page.run import RunResults

NOTABLE_ERRORS = 2  # standard errors of a difference; a larger one is marked
BOUNDS = ("elbo", "iwae", "nll", "bits_per_dim", "distortion", "ais", "loss", "recon", "valid_elbo", "bce")
SAMPLED = ("iwae", "ess", "nll", "bits_per_dim")
BINARY_LIKELIHOODS = ("bernoulli", "pixelcnn")


def metric_difference(name: str, first: RunResults, other: RunResults) -> tuple[float, float] | None:
    """Returns `other` minus `first` in a metric, with its standard error; None if either has no number.

    The error is that of independent estimates: the two errors in quadrature. If both runs were scored on the
    same test split, the error of a paired comparison is smaller.
    """
    before, after = (run.metrics.get(name) for run in (first, other))
    if before is None or after is None or isinstance(before, str) or isinstance(after, str):
        return None
    errors = [float(run.metrics.get(f"{name}{ERROR}", 0.0)) for run in (first, other)]
    return after - before, math.hypot(*errors)


def incomparability(name: str, first: RunResults, other: RunResults) -> str:
    """Returns why a metric does not measure the same in both runs, or "" if it does."""
    before, after = _scale(name, first), _scale(name, other)
    return next((f"{key}: {before[key]} / {after[key]}" for key in before if before[key] != after[key]), "")


def difference_text(value: float, error: float, whole: bool) -> str:
    """Returns a difference with its sign, and with its error if it has one; a `whole` number exactly."""
    sign = "+" if value > 0 else ""
    if whole:
        return f"{sign}{value}"
    return sign + estimate_text({"x": value} | ({f"x{ERROR}": error} if error else {}), "x")


def _scale(name: str, run: RunResults) -> Mapping[str, Any]:
    """Returns what must be equal in two runs for the metric to be comparable."""
    stage, _, metric = name.partition("/")
    value = run.metrics.get
    scale: dict[str, Any] = {"data": value("prepare/data")}
    if stage in ("evaluate", "fid"):
        scale["test split"] = str(value("prepare/test_sha256", "?"))[:8]
    if stage in ("diagnose", "train"):
        scale["validation split"] = str(value("prepare/valid_sha256", "?"))[:8]
    if stage == "fid":
        scale["fid_samples"] = value("fid/fid_samples")
    if stage == "evaluate" and metric.startswith(SAMPLED):
        scale["iwae_k"] = value("evaluate/iwae_k")
    if stage in ("evaluate", "train") and any(part in metric for part in BOUNDS):
        scale["likelihood of"] = _observed(run.params["likelihood"])
    return scale


def _observed(likelihood: Mapping[str, Any]) -> str:
    """Returns what the probability, or the density, of a likelihood is over."""
    if likelihood["name"] not in BINARY_LIKELIHOODS:
        return str(likelihood["name"])
    options = likelihood["bernoulli"]
    if options["binarization"] == "grey":
        return "grey pixels"
    return f"pixels binarized with seed {options['binarization_seed']}"

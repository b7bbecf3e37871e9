"""How far a metric of one run is from that of another, where both measure the same."""

import math
from collections.abc import Mapping
from typing import Any

from vaeline.evaluation.estimators.estimate import estimate_text
from vaeline.reporting.page.figures import ERROR
from vaeline.reporting.page.run import RunResults

APART = 2  # standard errors of a difference from which on it is set off
BOUNDS = ("elbo", "iwae", "nll", "bits_per_dim", "distortion", "ais", "loss", "recon", "valid_elbo", "bce")
SAMPLED = ("iwae", "ess", "nll", "bits_per_dim")
BINARY_LIKELIHOODS = ("bernoulli", "pixelcnn")


def difference(name: str, first: RunResults, other: RunResults) -> tuple[float, float] | None:
    """Returns by how much `name` is larger in `other`, and the standard error of that; None without both.

    The errors are added in quadrature, as those of independent estimates. Where both runs were scored on the
    same images the error of a paired comparison is smaller.
    """
    values = [run.metrics.get(name) for run in (first, other)]
    if any(isinstance(value, str) or value is None for value in values):
        return None
    errors = [run.metrics.get(f"{name}{ERROR}", 0.0) for run in (first, other)]
    return values[1] - values[0], math.hypot(*errors)


def unlike(name: str, first: RunResults, other: RunResults) -> str:
    """Returns why `name` is not the same measure in both, or `` where it is."""
    ours, theirs = _scale(name, first), _scale(name, other)
    return next((f"{key}: {ours[key]} / {theirs[key]}" for key in ours if ours[key] != theirs[key]), "")


def difference_text(value: float, error: float, whole: bool) -> str:
    """Returns a difference with its sign, and with its error where it has one."""
    sign = "+" if value > 0 else ""
    if whole:
        return f"{sign}{value}"
    return sign + estimate_text({"x": value} | ({f"x{ERROR}": error} if error else {}), "x")


def _scale(name: str, run: RunResults) -> Mapping[str, Any]:
    """Returns what has to be equal for two values of `name` to be on one scale."""
    stage, _, metric = name.partition("/")
    known = run.metrics.get
    scale: dict[str, Any] = {"data": known("prepare/data")}
    if stage in ("evaluate", "fid"):
        scale["test images"] = str(known("prepare/test_sha256", "?"))[:8]
    if stage in ("diagnose", "train"):
        scale["validation images"] = str(known("prepare/valid_sha256", "?"))[:8]
    if stage == "fid":
        scale["fid_samples"] = known("fid/fid_samples")
    if stage == "evaluate" and metric.startswith(SAMPLED):
        scale["iwae_k"] = known("evaluate/iwae_k")
    if stage in ("evaluate", "train") and any(part in metric for part in BOUNDS):
        scale["likelihood of"] = _observed(run.params["likelihood"])
    return scale


def _observed(likelihood: Mapping[str, Any]) -> str:
    """Returns what a likelihood is a probability, or a density, of."""
    if likelihood["name"] not in BINARY_LIKELIHOODS:
        return likelihood["name"]
    options = likelihood["bernoulli"]
    if options["binarization"] == "grey":
        return "grey pixels"
    return f"pixels binarized with seed {options['binarization_seed']}"

"""The distances between two halves, under the names of the metrics."""

from collections.abc import Mapping, Sequence

import numpy as np

from vaeline.evaluation.fid.frechet import feature_statistics, frechet_distance, frechet_standard_error
from vaeline.evaluation.fid.inception import PUBLISHED_HASH
from vaeline.evaluation.fid.kid import kid

CLASSIFIER, INCEPTION = "classifier", "inception"
# End of a metric's name, by what z is drawn from: the prior, or a density fitted after training.
FROM_PRIOR, FROM_EX_POST = "", "_ex_post"
METRIC_SUFFIXES = {CLASSIFIER: "_classifier", INCEPTION: ""}


def feature_distance(features1: np.ndarray, features2: np.ndarray) -> float:
    """Returns the Fréchet distance between features [N, D] and [M, D]."""
    return frechet_distance(*feature_statistics(features1), *feature_statistics(features2))


def distance_scores(
    extractor: str, generated: np.ndarray, real: np.ndarray, source: str = FROM_PRIOR
) -> dict[str, float]:
    """Returns fid and kid, each with its standard error, for features [N, D] of both halves."""
    suffix = METRIC_SUFFIXES[extractor] + source
    kernel_distance, kernel_error = kid(generated, real)
    return {
        f"fid{suffix}": feature_distance(generated, real),
        f"fid{suffix}_se": frechet_standard_error(generated, real),
        f"kid{suffix}": kernel_distance,
        f"kid{suffix}_se": kernel_error,
    }


def distance_floors(halves: Mapping[str, Sequence[np.ndarray]]) -> dict[str, float]:
    """Returns the Fréchet distance between two real halves, given the features of both for each extractor."""
    return {f"fid{METRIC_SUFFIXES[name]}_floor": feature_distance(*both) for name, both in halves.items()}


def fid_caveats(features: np.ndarray, weights: str) -> dict[str, str]:
    """Returns what a reader of `fid` has to know as `fid_note`, if there is anything."""
    n, dims = features.shape
    notes = []
    if n < dims:
        notes.append(f"{n} images for {dims} features: biased upwards, so compare at equal fid_samples only")
    if weights != PUBLISHED_HASH:
        notes.append(f"the weights are not the published ones (SHA-256 {weights}, not {PUBLISHED_HASH})")
    return {"fid_note": "; ".join(notes)} if notes else {}


def distances_line(metrics: Mapping[str, float | str]) -> str:
    """Returns the metrics of fid in one line: each Fréchet distance with its error and floor."""
    computed = [suffix for suffix in METRIC_SUFFIXES.values() if f"fid{suffix}" in metrics]
    parts = [
        f"fid{suffix} {metrics[f'fid{suffix}']:.3g} ± {metrics[f'fid{suffix}_se']:.1g} "
        f"({_ex_post(metrics, suffix)}real against real {metrics[f'fid{suffix}_floor']:.3g})"
        for suffix in computed
    ]
    return "; ".join([*parts, *([f"no fid: {metrics['fid_skipped']}"] if "fid_skipped" in metrics else [])])


def _ex_post(metrics: Mapping[str, float | str], suffix: str) -> str:
    name = f"fid{suffix}{FROM_EX_POST}"
    return f"ex post {metrics[name]:.3g}, " if name in metrics else ""

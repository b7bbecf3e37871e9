"""Differences: their errors against simulation, and metrics that have none."""

import numpy as np
import pytest

from tests.support.pages import METRICS, run
from vaeline.reporting.comparison.difference import difference_text, incomparability, metric_difference


def test_error_of_a_difference_is_that_of_independent_estimates():
    """Against a simulation: 20,000 pairs of means, each drawn with its own standard error."""
    first, other = run(), run(metrics=METRICS | {"evaluate/elbo": -95.0, "evaluate/elbo_se": 0.4})
    value, error = metric_difference("evaluate/elbo", first, other)
    assert value == pytest.approx(-95.0 - METRICS["evaluate/elbo"])
    noise = np.random.default_rng(0)
    drawn = noise.normal(-95.0, 0.4, 20_000) - noise.normal(-98.0, METRICS["evaluate/elbo_se"], 20_000)
    relative = 1 / np.sqrt(2 * 20_000)  # standard error of an estimated standard deviation
    assert drawn.std() == pytest.approx(error, rel=4 * relative)


def test_counts_have_no_error_and_text_no_difference():
    more = run(metrics=METRICS | {"diagnose/active_units": 3})
    assert metric_difference("diagnose/active_units", run(), more) == (-16, 0)
    assert metric_difference("fid/fid_skipped", run(), more) is None
    assert metric_difference("fid/fid", run(), more) is None


@pytest.mark.parametrize(
    ("value", "error", "whole", "expected"),
    [
        (3.204, 0.3567, False, "+3.20 ± 0.36"),
        (-3.204, 0.3567, False, "-3.20 ± 0.36"),
        (-16, 0, True, "-16"),
        (5, 0, True, "+5"),
        (0, 0, True, "0"),
        (0.01234567, 0, False, "+0.01235"),
    ],
)
def test_difference_has_a_sign(value, error, whole, expected):
    assert difference_text(value, error, whole) == expected


@pytest.mark.parametrize(
    ("name", "metrics", "params", "reason"),
    [
        ("evaluate/iwae", {"evaluate/iwae_k": 5000}, {}, "iwae_k: 100 / 5000"),
        ("evaluate/elbo", {"evaluate/iwae_k": 5000}, {}, ""),
        ("evaluate/elbo", {"prepare/data": "digits"}, {}, "data: mnist / digits"),
        ("evaluate/rate", {"prepare/test_sha256": "u" * 64}, {}, "test split: tttttttt / uuuuuuuu"),
        ("diagnose/active_units", {"prepare/test_sha256": "u" * 64}, {}, ""),
        (
            "train/valid_elbo", {"prepare/valid_sha256": "w" * 64}, {},
            "validation split: vvvvvvvv / wwwwwwww",
        ),
        ("fid/fid", {"fid/fid_samples": 500}, {}, "fid_samples: 2048 / 500"),
        (
            "evaluate/elbo", {}, {"likelihood": {"name": "gaussian"}},
            "likelihood of: pixels binarized with seed 0 / gaussian",
        ),
        ("evaluate/rate", {}, {"likelihood": {"name": "gaussian"}}, ""),
        ("evaluate/elbo", {}, {"likelihood": {"name": "pixelcnn"}}, ""),
        (
            "evaluate/iwae", {}, {"likelihood": {"bernoulli": {"binarization": "grey"}}},
            "likelihood of: pixels binarized with seed 0 / grey pixels",
        ),
        ("evaluate/iwae", {}, {"likelihood": {"bernoulli": {"binarization": "static"}}}, ""),
        ("evaluate/elbo", {}, {"beta": 4.0, "seed": 1, "latent_dim": 64}, ""),
    ],
)  # fmt: skip
def test_metric_of_another_scale_is_not_comparable(name, metrics, params, reason):
    assert incomparability(name, run(), run(params=params, metrics=METRICS | metrics)) == reason

import math

import pytest
import torch

from vaeline.evaluation.estimators.estimate import Estimate, estimate_text, means_with_errors


def test_mean_and_standard_error_agree_with_their_formulas():
    estimate = Estimate.of(torch.tensor([1.0, 2.0, 3.0, 6.0]))
    assert estimate.mean == 3.0
    assert estimate.se == pytest.approx(math.sqrt((4 + 1 + 0 + 9) / 3) / 2)


def test_the_standard_error_is_the_deviation_of_means():
    means = torch.randn(4000, 25).mean(1)
    errors = [Estimate.of(values).se for values in torch.randn(400, 25)]
    assert sum(errors) / len(errors) == pytest.approx(means.std().item(), rel=0.05)


def test_means_are_computed_in_double_precision():
    assert Estimate.of(torch.tensor([2.0**24, 2.0**24 + 2])) == Estimate(2.0**24 + 1, pytest.approx(1.0))


def test_several_means_have_their_errors_under_their_names():
    metrics = means_with_errors({"elbo": torch.tensor([1.0, 3.0]), "mse": torch.tensor([5.0, 5.0, 5.0])})
    assert metrics == {"elbo": 2.0, "elbo_se": pytest.approx(1.0), "mse": 5.0, "mse_se": 0.0}


@pytest.mark.parametrize(
    ("error", "text"),
    [
        ({"elbo_se": 0.4567}, "-98.77 ± 0.46"),
        ({"elbo_se": 0.0526}, "-98.765 ± 0.053"),
        ({"elbo_se": 12.3}, "-99 ± 12"),
        ({"elbo_se": 0.0}, "-98.7654 ± 0.0000"),
        ({"elbo_se": 1e-13}, "-98.7654 ± 0.0000"),
        ({}, "-98.77"),
    ],
)
def test_a_mean_is_written_with_the_digits_of_its_error(error, text):
    assert estimate_text({"elbo": -98.76543} | error, "elbo") == text

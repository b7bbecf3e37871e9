import numpy as np
import pytest
import torch

from vaeline.core.numerics import (
    effective_sample_size,
    log_mean_exp,
    rises_to,
    safe_log_var,
    softly_above,
    sum_of_logs,
)


@pytest.mark.parametrize("shift", [-1e4, 0.0, 1e4])
@pytest.mark.parametrize("dim", [0, 1])
def test_log_mean_exp_is_that_of_float64_numpy(shift, dim):
    values = torch.randn(7, 5, dtype=torch.float64) * 3
    # The shift is taken out before exp, which NumPy alone could not hold.
    expected = np.log(np.exp(values.numpy()).mean(axis=dim)) + shift
    np.testing.assert_allclose(log_mean_exp(values + shift, dim), expected, rtol=1e-12)
    np.testing.assert_allclose(log_mean_exp((values + shift).float(), dim), expected, rtol=1e-6, atol=1e-3)


def test_log_mean_exp_of_one_value_is_that_value():
    assert log_mean_exp(torch.tensor([-1e4])).item() == -1e4


def test_safe_log_var_bounds_what_lies_outside_and_nothing_else():
    log_var = torch.tensor([-torch.inf, -21.0, -20.0, 0.3, 20.0, 1e9])
    np.testing.assert_array_equal(safe_log_var(log_var), np.float32([-20.0, -20.0, -20.0, 0.3, 20.0, 20.0]))
    assert safe_log_var(torch.tensor(5.0), -1.0, 2.0).item() == 2.0


@pytest.mark.parametrize("shift", [-1e4, 0.0, 1e4])
def test_the_effective_sample_size_counts_the_weights_that_matter(shift):
    log_weights = torch.tensor([[0.0, 0.0], [0.0, -800.0], [0.0, -900.0]], dtype=torch.float64) + shift
    ess = effective_sample_size(log_weights.logsumexp(0), (2 * log_weights).logsumexp(0))
    np.testing.assert_allclose(ess, [3.0, 1.0], rtol=1e-9)


@pytest.mark.parametrize("size", [1, 6, 49, 784, 4096])
def test_a_sum_of_logs_is_that_of_each_logarithm(size):
    values = 1 - torch.rand(3, size) / 2
    torch.testing.assert_close(
        sum_of_logs(values), values.double().log().sum(-1).float(), rtol=1e-5, atol=1e-5
    )
    assert torch.isfinite(sum_of_logs(torch.full((3, size), 0.5))).all()


@pytest.mark.parametrize("above", [1e-6, 0.01, 1.0, 5.0, 50.0, 1000.0])
def test_what_is_softly_above_its_floor_is_found_again(above):
    start = torch.tensor(rises_to(-6 + above, -6), dtype=torch.float64)
    assert softly_above(start, -6).item() == pytest.approx(-6 + above, rel=1e-9)

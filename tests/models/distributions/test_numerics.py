import numpy as np
import pytest
import torch

from vaeline.models.distributions.numerics import (
    effective_sample_size,
    log_mean_exp,
    rises_to,
    safe_log_var,
    softly_above,
    sum_of_logs,
)


@pytest.mark.parametrize("shift", [-1e4, 0.0, 1e4])
@pytest.mark.parametrize("dim", [0, 1])
def test_log_mean_exp_agrees_with_numpy_in_float64(shift, dim):
    values = torch.randn(7, 5, dtype=torch.float64) * 3
    # The shift is added after exp, which would overflow.
    expected = np.log(np.exp(values.numpy()).mean(axis=dim)) + shift
    np.testing.assert_allclose(log_mean_exp(values + shift, dim), expected, rtol=1e-12)
    np.testing.assert_allclose(log_mean_exp((values + shift).float(), dim), expected, rtol=1e-6, atol=1e-3)


def test_log_mean_exp_of_one_value_is_that_value():
    assert log_mean_exp(torch.tensor([-1e4])).item() == -1e4


def test_safe_log_var_changes_only_values_outside_its_bounds():
    log_var = torch.tensor([-torch.inf, -21.0, -20.0, 0.3, 20.0, 1e9])
    np.testing.assert_array_equal(safe_log_var(log_var), np.float32([-20.0, -20.0, -20.0, 0.3, 20.0, 20.0]))
    assert safe_log_var(torch.tensor(5.0), -1.0, 2.0).item() == 2.0


@pytest.mark.parametrize("shift", [-1e4, 0.0, 1e4])
def test_effective_sample_size_is_the_number_of_equal_weights(shift):
    log_weights = torch.tensor([[0.0, 0.0], [0.0, -800.0], [0.0, -900.0]], dtype=torch.float64) + shift
    ess = effective_sample_size(log_weights.logsumexp(0), (2 * log_weights).logsumexp(0))
    np.testing.assert_allclose(ess, [3.0, 1.0], rtol=1e-9)


@pytest.mark.parametrize("size", [1, 6, 49, 67, 126, 127, 784, 4096])
def test_sum_of_logs_agrees_with_the_logarithm_of_each_value(size):
    values = 1 + torch.rand(3, size)
    torch.testing.assert_close(
        sum_of_logs(values), values.double().log().sum(-1).float(), rtol=1e-5, atol=1e-5
    )
    assert torch.isfinite(sum_of_logs(torch.full((3, size), 2.0))).all()


@pytest.mark.parametrize("above", [1e-6, 0.01, 1.0, 5.0, 50.0, 1000.0])
def test_rises_to_inverts_softly_above(above):
    start = torch.tensor(rises_to(-6 + above, -6), dtype=torch.float64)
    assert softly_above(start, -6).item() == pytest.approx(-6 + above, rel=1e-9)

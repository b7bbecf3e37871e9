import itertools

import numpy as np
import pytest

import vaeline.evaluation.fid.kid
from vaeline.evaluation.fid.kid import kid


def kernel(a, b):
    return (float(np.dot(a, b)) / len(a) + 1) ** 3


def double_loop(x, y):
    """Eq. 4 of Bińkowski et al., literally."""
    n, pairs = len(x), list(itertools.product(range(len(x)), repeat=2))
    within = sum(kernel(h[i], h[j]) for h in (x, y) for i, j in pairs if i != j) / (n * (n - 1))
    return within - 2 * sum(kernel(x[i], y[j]) for i, j in pairs) / n**2


@pytest.fixture
def halves():
    return np.random.default_rng(0).normal([[[0.0]], [[0.5]]], 1.0, size=(2, 9, 4))


def test_the_distance_agrees_with_a_double_loop(halves):
    assert kid(*halves)[0] == pytest.approx(double_loop(*halves), rel=1e-10)


def test_the_error_is_the_jackknife_over_pairs(halves):
    x, y = halves
    left_out = np.array([double_loop(np.delete(x, i, 0), np.delete(y, i, 0)) for i in range(9)])
    expected = np.sqrt(8 / 9 * np.sum((left_out - left_out.mean()) ** 2))
    assert kid(x, y)[1] == pytest.approx(expected, rel=1e-10)


def test_the_distance_does_not_depend_on_the_chunk_size(halves, monkeypatch):
    whole = kid(*halves)
    monkeypatch.setattr(vaeline.evaluation.fid.kid, "KERNEL_ROWS", 4)
    assert kid(*halves) == pytest.approx(whole, rel=1e-12)


def repeated(n, shift, repetitions):
    generator = np.random.default_rng(1)
    draws = [
        kid(generator.normal(size=(n, 1)), shift + generator.normal(size=(n, 1))) for _ in range(repetitions)
    ]
    return np.array(draws).T


def test_the_distance_is_unbiased_for_the_smallest_halves():
    # For one feature the mean kernel is 1 + 3 E[x]E[y] + 3 E[x²]E[y²] + E[x³]E[y³].
    shift, repetitions = 0.5, 20_000
    moments = np.array([[0, 1, 0], [shift, 1 + shift**2, 3 * shift + shift**3]])
    mean = [[1 + np.array([3, 3, 1]) @ (a * b) for a in moments] for b in moments]
    values, _ = repeated(3, shift, repetitions)
    assert values.mean() == pytest.approx(
        mean[0][0] + mean[1][1] - 2 * mean[0][1], abs=4 * values.std() / np.sqrt(repetitions)
    )


def test_the_error_is_the_deviation_over_repetitions():
    values, errors = repeated(200, 0.7, 300)
    assert errors.mean() == pytest.approx(values.std(), rel=0.2)


def test_without_any_difference_the_error_is_too_large_rather_than_too_small():
    values, errors = repeated(200, 0, 300)
    assert abs(values.mean()) < 4 * values.std() / np.sqrt(300)
    assert values.std() < errors.mean() < 2 * values.std()


def test_halves_of_different_size_are_rejected(halves):
    with pytest.raises(ValueError, match=r"the same shape, found \(9, 4\) and \(8, 4\)"):
        kid(halves[0], halves[1][:8])

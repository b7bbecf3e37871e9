import numpy as np
import pytest
from pytorch_fid.fid_score import calculate_frechet_distance

from vaeline.evaluation.fid.frechet import (
    feature_statistics,
    frechet_distance,
    frechet_standard_error,
    optimal_transport,
)


def covariance(generator, dims, rank=None):
    factor = generator.normal(size=(dims, rank or 2 * dims))
    return factor @ factor.T / dims


@pytest.fixture
def generator():
    return np.random.default_rng(0)


def test_with_equal_covariances_the_distance_is_that_of_the_means(generator):
    cov = covariance(generator, 6)
    mu1, mu2 = generator.normal(size=(2, 6))
    assert frechet_distance(mu1, cov, mu2, cov) == pytest.approx(np.sum((mu1 - mu2) ** 2), rel=1e-12)


def test_with_commuting_covariances_the_distance_is_that_of_the_deviations(generator):
    rotation, _ = np.linalg.qr(generator.normal(size=(5, 5)))
    deviations1, deviations2 = generator.uniform(0.1, 3, (2, 5))
    cov1, cov2 = (rotation @ np.diag(d**2) @ rotation.T for d in (deviations1, deviations2))
    expected = np.sum((deviations1 - deviations2) ** 2)
    assert frechet_distance(np.zeros(5), cov1, np.zeros(5), cov2) == pytest.approx(expected, rel=1e-10)


@pytest.mark.filterwarnings("ignore:The `disp` argument")
@pytest.mark.parametrize("dims", [2, 7, 64])
def test_the_distance_agrees_with_pytorch_fid(generator, dims):
    mu1, mu2 = generator.normal(size=(2, dims))
    cov1, cov2 = covariance(generator, dims), 2 * covariance(generator, dims)
    peer = calculate_frechet_distance(mu1, cov1, mu2, cov2)
    assert frechet_distance(mu1, cov1, mu2, cov2) == pytest.approx(peer, rel=1e-9)


def test_singular_covariances_agree_with_the_nuclear_norm_of_their_factors(generator):
    # With Σ = AᵀA the trace of the root is the sum of the singular values of A₁A₂ᵀ, which needs no root.
    features = generator.normal(size=(2, 20, 50)) * np.array([1, 1.5])[:, None, None]
    (mu1, cov1), (mu2, cov2) = map(feature_statistics, features)
    factors = [(half - half.mean(0)) / np.sqrt(19) for half in features]
    trace = np.linalg.svd(factors[0] @ factors[1].T, compute_uv=False).sum()
    expected = np.sum((mu1 - mu2) ** 2) + np.trace(cov1) + np.trace(cov2) - 2 * trace
    assert frechet_distance(mu1, cov1, mu2, cov2) == pytest.approx(expected, rel=1e-6)
    assert abs(frechet_distance(mu1, cov1, mu1, cov1)) < 1e-6 * np.trace(cov1)


def test_a_model_whose_samples_are_all_equal_has_a_distance_and_an_error(generator):
    real, same = generator.normal(size=(300, 5)), np.ones((300, 5))
    squares = np.sum((real - 1) ** 2, axis=1)
    mean = np.sum((real.mean(0) - 1) ** 2) + real.var(0, ddof=1).sum()
    assert frechet_distance(*feature_statistics(real), *feature_statistics(same)) == pytest.approx(mean)
    assert frechet_standard_error(real, same) == pytest.approx(squares.std(ddof=1) / np.sqrt(300))


def test_statistics_are_computed_in_double_precision():
    # 4096 and 4097, half of each: their squares are around 2²⁴, where float32 cannot represent the variance.
    features = np.repeat(np.array([[4096, 0], [4097, 0]], np.float32), 500, axis=0)
    mean, cov = feature_statistics(features)
    assert mean == pytest.approx([4096.5, 0])
    assert cov == pytest.approx(np.array([[0.25 * 1000 / 999, 0], [0, 0]]))


def test_the_transport_map_transforms_the_covariance(generator):
    cov1, cov2 = covariance(generator, 6), covariance(generator, 6)
    mapping = optimal_transport(cov1, cov2)
    assert mapping == pytest.approx(mapping.T)
    assert mapping @ cov1 @ mapping == pytest.approx(cov2)


def repeated(generator, repetitions, n, dims, shift, scale):
    """Returns the standard deviation of the distance over repetitions, and the standard error of each."""
    distances, errors = [], []
    for _ in range(repetitions):
        x = generator.normal(size=(n, dims))
        y = shift + scale * generator.normal(size=(n, dims))
        distances.append(frechet_distance(*feature_statistics(x), *feature_statistics(y)))
        errors.append(frechet_standard_error(x, y))
    return np.std(distances, ddof=1), np.array(errors)


@pytest.mark.parametrize(("n", "dims"), [(400, 8), (40, 60)])  # more images than features, and fewer
def test_the_standard_error_is_the_deviation_over_repetitions(generator, n, dims):
    deviation, errors = repeated(generator, 250, n, dims, shift=0.4, scale=1.4)
    assert errors.mean() == pytest.approx(deviation, rel=0.2)
    assert errors.std() < 0.25 * errors.mean()


def test_without_any_difference_the_standard_error_is_too_large_rather_than_too_small(generator):
    deviation, errors = repeated(generator, 250, 400, 8, shift=0, scale=1)
    assert deviation < errors.mean() < 2 * deviation

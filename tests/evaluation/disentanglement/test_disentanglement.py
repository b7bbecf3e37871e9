"""The scores where they are known: a perfect code, noise, a rotated code, and formulas by hand."""

import math

import numpy as np
import pytest

from vaeline.evaluation.disentanglement import guessing, prediction, sampled
from vaeline.evaluation.disentanglement import scores as scores_module
from vaeline.evaluation.disentanglement.codes import ImageCodes
from vaeline.evaluation.disentanglement.guessing import beta_vae_score, factor_vae_score
from vaeline.evaluation.disentanglement.information import BINS, entropies, mig, mutual_information
from vaeline.evaluation.disentanglement.prediction import completeness, dci, disentanglement, sap
from vaeline.evaluation.disentanglement.scores import (
    FEWEST_CODES,
    PUBLISHED_NAMES,
    SCORE_NAMES,
    disentanglement_scores,
    own_scores,
    score_with_errors,
)

SIZES = (3, 4, 5, 6)
F = len(SIZES)
FACTORS = np.tile(np.stack(np.unravel_index(np.arange(360), SIZES), axis=1), (8, 1)).astype(np.int64)
N = len(FACTORS)
STANDARD = (FACTORS - FACTORS.mean(0)) / FACTORS.std(0)


def rng():
    return np.random.default_rng(5)


def noise(d: int) -> np.ndarray:
    return np.random.default_rng(7).standard_normal((N, d))


def rotated(degrees: float) -> np.ndarray:
    """Returns pairs of factors rotated; at 45° both dimensions are equally informative about both factors."""
    cosine, sine = math.cos(math.radians(degrees)), math.sin(math.radians(degrees))
    rotation = np.array([[cosine, sine], [-sine, cosine]])
    return np.concatenate([STANDARD[:, :2] @ rotation, STANDARD[:, 2:] @ rotation], axis=1)


PERFECT = {
    "alone": STANDARD,
    "in_another_order_and_scale": STANDARD[:, [2, 0, 3, 1]] * [3, -1, 0.5, 8],
    "with_noise": np.concatenate([noise(3), STANDARD], axis=1),
    "with_collapsed_dimensions": np.concatenate([1e-4 * noise(3), STANDARD, np.zeros((N, 1))], axis=1),
}


@pytest.mark.parametrize("code", PERFECT)
def test_a_perfect_code_has_the_maximum_of_every_score(code):
    codes = PERFECT[code]
    # In a finite set of images, noise has some information about every factor.
    near = pytest.approx(1, abs=1e-9 if codes.shape[1] == F else (BINS - 1) * 5 / (2 * N) * 2)
    assert mig(codes, FACTORS) == near
    assert sap(codes, FACTORS, rng()) == pytest.approx(np.mean([1 - 1 / n for n in SIZES]), abs=0.05)
    assert dci(codes, FACTORS, rng()) == pytest.approx((1, 1, 1), abs=1e-3)
    assert beta_vae_score(codes, FACTORS, rng()) == 1
    assert factor_vae_score(codes, FACTORS, rng()) == 1


def test_noise_scores_at_the_level_of_chance(monkeypatch):
    monkeypatch.setattr(prediction, "TREES", 10)
    scores = score_with_errors(own_scores, ImageCodes(noise(6)), FACTORS)
    for name in ("beta_vae_score", "factor_vae_score"):
        assert abs(scores[name] - 1 / F) < 4 * scores[f"{name}_se"]
        assert scores[f"{name}_se"] < 0.05
    assert scores["mig"] < 0.01
    assert scores["sap"] < 0.05
    assert scores["dci_disentanglement"] < 0.05
    assert scores["dci_completeness"] < 0.05
    by_chance = np.mean([1 / n for n in SIZES])
    assert abs(scores["dci_informativeness"] - by_chance) < 4 * scores["dci_informativeness_se"]


def test_a_code_rotated_in_pairs_scores_in_between():
    codes = rotated(25)
    assert 0.05 < mig(codes, FACTORS) < 0.7
    assert 0.05 < sap(codes, FACTORS, rng()) < 0.6
    separate, complete, informative = dci(codes, FACTORS, rng())
    assert 0.3 < separate < 0.9
    assert 0.3 < complete < 0.9
    assert informative > 0.9


def test_the_fixed_factor_of_a_pair_cannot_be_guessed_at_45_degrees():
    """Both dimensions encode both factors equally: the guess is right half of the time, and the gap is 0."""
    codes = rotated(45)
    assert mig(codes, FACTORS) == pytest.approx(0, abs=1e-9)
    assert 0.4 < factor_vae_score(codes, FACTORS, rng()) < 0.75
    assert 0.4 < beta_vae_score(codes, FACTORS, rng()) < 0.98


def test_a_code_of_half_of_the_factors_scores_half():
    """MIG is a mean over factors, and those that are not encoded add nothing."""
    assert mig(STANDARD[:, :2], FACTORS) == pytest.approx(0.5)
    assert mig(STANDARD[:, [0, 0, 1, 1]], FACTORS) == pytest.approx(
        0
    )  # the information is all there, the gap is 0


@pytest.mark.parametrize("codes", [np.zeros((N, 3)), 1e-6 * noise(3)], ids=["constant", "collapsed"])
def test_a_collapsed_code_scores_at_the_level_of_chance(codes):
    assert factor_vae_score(codes, FACTORS, rng()) == pytest.approx(1 / F, abs=0.05)
    assert beta_vae_score(codes, FACTORS, rng()) == pytest.approx(1 / F, abs=0.05)
    assert dci(codes, FACTORS, rng())[0] < 0.05
    assert sap(codes, FACTORS, rng()) < 0.05


def test_the_information_of_a_factor_about_itself_is_its_entropy():
    np.testing.assert_allclose(entropies(FACTORS), np.log(SIZES))
    expected = np.diag(np.log(SIZES))
    np.testing.assert_allclose(mutual_information(STANDARD, FACTORS), expected, atol=1e-12)


def test_the_information_through_a_noisy_channel_agrees_with_its_formula():
    """A bit that is flipped one time in four: log 2 − H(1/4) nats."""
    bit = np.repeat([0, 1], 400)
    code = bit ^ np.tile([0, 0, 0, 1], 200)
    expected = math.log(2) + 0.25 * math.log(0.25) + 0.75 * math.log(0.75)
    assert mutual_information(code[:, None].astype(float), bit[:, None])[0, 0] == pytest.approx(expected)


def test_disentanglement_and_completeness_of_given_importances():
    mixed = np.array([[1.0, 1.0], [0.0, 0.0]])  # one dimension is important for both factors
    assert disentanglement(mixed) == pytest.approx(0)
    assert completeness(mixed) == pytest.approx(1)
    assert disentanglement(mixed.T) == pytest.approx(1)
    assert completeness(mixed.T) == pytest.approx(0)
    quarter = -(0.25 * math.log(0.25) + 0.75 * math.log(0.75)) / math.log(2)
    skewed = np.array([[3.0, 1.0], [0.0, 4.0]])
    assert disentanglement(skewed) == pytest.approx(0.5 * (1 - quarter) + 0.5)


def test_the_error_of_a_mean_is_its_standard_error():
    """If the score is the mean code, the error is σ / √n; here within four of its own errors."""
    codes = ImageCodes(3 * noise(1))
    scores = score_with_errors(lambda codes, *_: {"score": codes.mean.mean()}, codes, FACTORS, halves=200)
    assert scores["score"] == pytest.approx(3 * noise(1).mean())
    assert scores["score_se"] == pytest.approx(3 / N**0.5, rel=4 / 20)


def test_error_is_the_sample_standard_deviation_over_the_halves():
    values = iter([5.0, 1.0, 3.0])  # of all images, and of two halves
    scores = score_with_errors(lambda *_: {"score": next(values)}, noise(1), FACTORS, halves=2)
    assert scores == {"score": 5.0, "score_se": pytest.approx(math.sqrt(2))}


def test_information_is_that_of_twenty_bins():
    """As in Locatello et al. (2019): of 40 equally frequent values, neighbours share a bin."""
    values = np.repeat(np.arange(40), 5)
    code, factor = values[:, None].astype(float), values[:, None]
    assert mutual_information(code, factor)[0, 0] == pytest.approx(math.log(20))
    assert mig(code, factor) == pytest.approx(math.log(20) / math.log(40))


def test_sap_weighs_every_value_of_a_factor_alike():
    """A dimension that misses a third of a value with nine images in ten: 1 − (2/3 + 1)/2, not 0.3."""
    factor = np.repeat([0, 1], [5400, 600])
    blurred = np.where(factor == 0, np.arange(6000) % 3 == 0, 1)
    codes = np.stack([factor, blurred], axis=1).astype(float)
    assert sap(codes, factor[:, None], rng()) == pytest.approx(1 / 6, abs=0.02)


def test_there_are_no_scores_without_factors_that_vary():
    assert disentanglement_scores(ImageCodes(noise(2)), None) == {}
    assert disentanglement_scores(ImageCodes(noise(2)), np.zeros((N, 3), np.int64)) == {}


def test_scores_are_reproducible_and_ignore_constant_factors(monkeypatch):
    monkeypatch.setattr(guessing, "GUESSED_SETS", 100)
    monkeypatch.setattr(sampled, "SAMPLED_CODES", 200)
    monkeypatch.setattr(scores_module, "PUBLISHED_HALVES", 2)
    monkeypatch.setattr(prediction, "TREES", 5)
    codes, factors = ImageCodes(rotated(25)[::32, :2], np.full((90, 2), 0.1)), FACTORS[::32, :2]
    with_constant = np.concatenate([factors, np.zeros((90, 1), np.int64)], axis=1)
    scores = disentanglement_scores(codes, with_constant)
    assert scores == disentanglement_scores(codes, factors)
    names = [*SCORE_NAMES, *PUBLISHED_NAMES]
    assert scores.keys() == {*names, *(f"{name}_se" for name in names)}
    without = own_scores(ImageCodes(codes.mean), factors, rng())
    assert {name for name in SCORE_NAMES if name not in without} == {"mig_sampled"}


def test_balanced_accuracy_counts_a_rare_value_as_much_as_a_frequent_one():
    """Nine in ten images have the value 0; to guess it always is right for one value of two."""
    rare = (np.arange(400) % 10 == 0).astype(np.int64)[:, None]
    assert sap(np.concatenate([rare, 0 * rare], axis=1).astype(float), rare, rng()) == pytest.approx(0.5)


def test_factor_that_does_not_vary_adds_nothing_to_the_gap():
    constant = np.zeros_like(FACTORS[:, :1])
    assert mig(STANDARD, np.concatenate([FACTORS, constant], axis=1)) == mig(STANDARD, FACTORS)
    assert np.isnan(mig(STANDARD, constant))


def test_single_factor_is_always_guessed():
    assert beta_vae_score(STANDARD, FACTORS[:, :1], rng()) == 1.0
    assert factor_vae_score(STANDARD, FACTORS[:, :1], rng()) == 1.0


@pytest.mark.parametrize("n", [3, 8, FEWEST_CODES - 1])
def test_few_images_have_names_without_values(n):
    scores = disentanglement_scores(ImageCodes(STANDARD[:n]), FACTORS[:n])
    assert tuple(scores) == (*SCORE_NAMES, *PUBLISHED_NAMES)
    assert np.isnan(list(scores.values())).all()

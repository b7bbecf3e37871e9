"""SAP and DCI of published tables, against the definitions in their authors' code, transcribed."""

import numpy as np
import pytest
from sklearn.ensemble import GradientBoostingClassifier
from sklearn.svm import LinearSVC

from vaeline.evaluation.disentanglement.prediction import random_halves, sap
from vaeline.evaluation.disentanglement.published import dci_boosted, sap_svm

# Twelve pairs of values, of which those with the first value 0 occur three times as often.
PLACES = np.concatenate([np.tile(np.arange(12), 12), np.tile(np.arange(4), 24)])
FACTORS = np.stack(np.unravel_index(PLACES, (3, 4)), axis=1).astype(np.int64)
STANDARD = (FACTORS - FACTORS.mean(0)) / FACTORS.std(0)
MIXED = np.random.default_rng(3).normal(STANDARD @ np.array([[0.9, 0.4, 0.1], [-0.3, 0.8, 0.5]]), 0.2)


def rng():
    return np.random.default_rng(5)


def locatello_sap(codes, factors, learning, scoring):
    """disentanglement_lib, metrics/sap_score.py: `compute_score_matrix` for discrete factors, and the gap."""
    matrix = np.zeros((codes.shape[1], factors.shape[1]))
    for i in range(codes.shape[1]):
        for j in range(factors.shape[1]):
            classifier = LinearSVC(C=0.01, class_weight="balanced", random_state=0)
            classifier.fit(codes[learning][:, [i]], factors[learning][:, j])
            matrix[i, j] = np.mean(classifier.predict(codes[scoring][:, [i]]) == factors[scoring][:, j])
    ordered = np.sort(matrix, axis=0)
    return np.mean(ordered[-1] - ordered[-2])


def locatello_dci(codes, factors, learning, scoring):
    """disentanglement_lib, metrics/dci.py: `compute_importance_gbt`, `disentanglement` and `completeness`."""
    importances, accuracies = np.zeros((codes.shape[1], factors.shape[1])), []
    for j in range(factors.shape[1]):
        model = GradientBoostingClassifier(random_state=0).fit(codes[learning], factors[learning][:, j])
        importances[:, j] = np.abs(model.feature_importances_)
        accuracies.append(np.mean(model.predict(codes[scoring]) == factors[scoring][:, j]))

    def entropy(p, base):
        p = p / p.sum(0)
        return -(p * np.log(p)).sum(0) / np.log(base)

    per_code = 1 - entropy(importances.T + 1e-11, base=factors.shape[1])
    per_factor = 1 - entropy(importances + 1e-11, base=codes.shape[1])
    disentangled = (per_code * importances.sum(1) / importances.sum()).sum()
    return disentangled, (per_factor * importances.sum(0) / importances.sum()).sum(), np.mean(accuracies)


def test_they_agree_with_the_authors_code():
    halves = random_halves(len(MIXED), rng())
    assert sap_svm(MIXED, FACTORS, rng()) == pytest.approx(locatello_sap(MIXED, FACTORS, *halves))
    assert dci_boosted(MIXED, FACTORS, rng()) == pytest.approx(locatello_dci(MIXED, FACTORS, *halves))


def test_perfect_code_of_binary_factors():
    """A line tells two values apart, so that SAP is 1 − 1/2."""
    bits = np.stack(np.unravel_index(np.tile(np.arange(4), 50), (2, 2)), axis=1)
    assert sap_svm(bits - 0.5, bits, rng()) == pytest.approx(0.5, abs=0.1)
    assert dci_boosted(bits - 0.5, bits, rng()) == pytest.approx((1, 1, 1), abs=1e-6)


def test_perfect_code_of_many_values_is_not_at_the_maximum_of_a_linear_svm():
    """Lines through one dimension pick out the ends of a scale; thresholds pick out every value."""
    values = np.tile(np.arange(8), 40)[:, None]
    assert sap_svm(values - 3.5, values, rng()) < 0.5
    assert sap(values - 3.5, values, rng()) == pytest.approx(1 - 1 / 8)


def test_factor_with_one_value_to_learn_from_adds_nothing():
    _, scoring = random_halves(40, rng())
    lone = np.zeros((40, 1), np.int64)
    lone[scoring[0]] = 1
    assert sap_svm(MIXED[:40], lone, rng()) == 0
    assert dci_boosted(MIXED[:40], lone, rng()) == (0, 0, 0)

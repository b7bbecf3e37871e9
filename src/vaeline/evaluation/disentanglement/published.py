"""The scores by prediction as published tables have them: by the predictors of Locatello et al. (2019).

Their names end in the predictor. `prediction` has the variants that this package prefers; the two differ so
much that neither can be compared with a table of the other.
"""

import numpy as np

from vaeline.evaluation.disentanglement.prediction import completeness, disentanglement, random_halves

SVM_PENALTY = 0.01
CONSTANT_VARIANCE = 1e-12
"""A dimension that varies less predicts nothing."""


def sap_svm(codes: np.ndarray, factors: np.ndarray, rng: np.random.Generator) -> float:
    """Returns the separated attribute predictability by a linear SVM on each dimension, in [0, 1].

    It is the mean over factors of the gap between the accuracies of the two best dimensions. Classes are
    weighted as if all were as frequent when the SVM learns, and not when its accuracy is taken. Thresholds of
    an SVM tell few of many values apart: a perfect code of factors with many values is far below 1.

    References:
        Kumar et al. (2018), section 3; Locatello et al. (2019), appendix B, whose code this follows.
    """
    from sklearn.svm import LinearSVC  # takes a second, so only for data with factors

    learning, scoring = random_halves(len(codes), rng)
    accuracies = np.zeros((codes.shape[1] + 1, factors.shape[1]))  # the last for a single dimension
    for k, factor in enumerate(factors.T):
        for j, code in enumerate(codes.T):
            if _learnable(factor[learning]) and code[learning].var() > CONSTANT_VARIANCE:
                svm = LinearSVC(C=SVM_PENALTY, class_weight="balanced", random_state=0)
                svm.fit(code[learning, None], factor[learning])
                accuracies[j, k] = svm.score(code[scoring, None], factor[scoring])
    ranked = np.sort(accuracies, axis=0)
    return float((ranked[-1] - ranked[-2]).mean())


def dci_boosted(
    codes: np.ndarray, factors: np.ndarray, rng: np.random.Generator
) -> tuple[float, float, float]:
    """Returns disentanglement, completeness and informativeness by gradient-boosted trees, in [0, 1].

    Importances are those of scikit-learn's `GradientBoostingClassifier` with its default options, one for
    each factor, which learns on one half of the images. Informativeness is the mean of its accuracies on the
    other half.

    References:
        Eastwood & Williams (2018); Locatello et al. (2019), appendix B, whose code this follows.
    """
    from sklearn.ensemble import GradientBoostingClassifier

    learning, scoring = random_halves(len(codes), rng)
    importances = np.zeros((codes.shape[1], factors.shape[1]))
    accuracies = np.zeros(factors.shape[1])
    for k, factor in enumerate(factors.T):
        if _learnable(factor[learning]):
            trees = GradientBoostingClassifier(random_state=0).fit(codes[learning], factor[learning])
            importances[:, k] = trees.feature_importances_
            accuracies[k] = trees.score(codes[scoring], factor[scoring])
    return disentanglement(importances), completeness(importances), float(accuracies.mean())


def _learnable(factor: np.ndarray) -> bool:
    """Returns whether there is more than one value, without which no classifier can be fitted."""
    return bool(np.ptp(factor) > 0)

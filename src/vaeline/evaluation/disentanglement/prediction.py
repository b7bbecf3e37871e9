"""Scores by predicting factors from the code: SAP from single dimensions, DCI from all."""

import numpy as np

TREES = 30


def sap(codes: np.ndarray, factors: np.ndarray, rng: np.random.Generator) -> float:
    """Returns the separated attribute predictability (Kumar et al. 2018, section 3) in [0, 1].

    It is the mean over factors of the gap between the two dimensions that predict the factor best. Every
    factor is treated as a class, as in Locatello et al. (2019), and predicted by thresholds on one dimension,
    one fewer than it has values. Thresholds are learned on one half of the images, and the balanced accuracy
    is that on the other half. Chance is 1/values, so that a perfect code scores the mean of 1 − 1/values, and
    noise near 0.
    """
    from sklearn.tree import DecisionTreeClassifier  # takes a second, so only for data with factors

    learning, scoring = random_halves(len(codes), rng)
    accuracies = np.zeros((codes.shape[1] + 1, factors.shape[1]))
    accuracies[-1] = [
        1 / len(np.unique(factor)) for factor in factors.T
    ]  # in case there is only one dimension
    for k, factor in enumerate(factors.T):
        leaves = max(2, len(np.unique(factor[learning])))
        tree = DecisionTreeClassifier(max_leaf_nodes=leaves, class_weight="balanced", random_state=0)
        for j, code in enumerate(codes.T):
            predicted = tree.fit(code[learning, None], factor[learning]).predict(code[scoring, None])
            accuracies[j, k] = _balanced(predicted, factor[scoring])
    ranked = np.sort(accuracies, axis=0)
    return float((ranked[-1] - ranked[-2]).mean())


def dci(codes: np.ndarray, factors: np.ndarray, rng: np.random.Generator) -> tuple[float, float, float]:
    """Returns disentanglement, completeness and informativeness (Eastwood & Williams 2018) in [0, 1].

    Importances are those of a forest of `TREES` trees that learns each factor on one half of the images.
    Informativeness is the mean over factors of its accuracy on the other half (in the paper, an error);
    chance is 1/values. A perfect code has 1, 1, 1; noise has about 0 for the first two.
    """
    from sklearn.ensemble import RandomForestClassifier

    learning, scoring = random_halves(len(codes), rng)
    importances, accuracies = [], []
    for factor in factors.T:
        # All dimensions at each split: if only some are available, uninformative dimensions gain weight.
        seed = int(rng.integers(2**31))
        forest = RandomForestClassifier(TREES, max_features=None, min_samples_leaf=2, random_state=seed)
        forest.fit(codes[learning], factor[learning])
        importances.append(forest.feature_importances_)
        accuracies.append((forest.predict(codes[scoring]) == factor[scoring]).mean())
    weights = np.stack(importances, axis=1)
    return disentanglement(weights), completeness(weights), float(np.mean(accuracies))


def disentanglement(importances: np.ndarray) -> float:
    """Returns Σ_j ρ_j (1 − H_F(P_j)) for importances [d, F], 1 if each is important for one factor.

    P_j is row j as a distribution, H_F its entropy with logarithms to base F, and ρ_j the share of the row in
    the sum of all (disentanglement in Eastwood & Williams 2018).
    """
    if importances.sum() == 0:  # no tree found anything to split on
        return 0.0
    rows = importances.sum(1, keepdims=True)
    shares = np.divide(importances, rows, out=np.zeros_like(importances), where=rows > 0)
    logarithms = np.log(shares, out=np.zeros_like(shares), where=shares > 0)
    entropy = -(shares * logarithms).sum(1) / np.log(max(2, importances.shape[1]))
    return float((rows[:, 0] / importances.sum() * (1 - entropy)).sum())


def completeness(importances: np.ndarray) -> float:
    """Returns the same for columns: 1 where only one dimension is important for each factor."""
    return disentanglement(importances.T)


def random_halves(n: int, rng: np.random.Generator) -> tuple[np.ndarray, np.ndarray]:
    """Returns the indices of two random halves of n images."""
    order = rng.permutation(n)
    return order[: n // 2], order[n // 2 :]


def _balanced(predicted: np.ndarray, factor: np.ndarray) -> float:
    return float(np.mean([(predicted[factor == value] == value).mean() for value in np.unique(factor)]))

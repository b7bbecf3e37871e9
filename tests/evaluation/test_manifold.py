"""Precision, recall, density and coverage against their definitions, point by point."""

import math

import numpy as np
import pytest

from vaeline.evaluation.manifold import NEAREST, manifold_scores

FOUR = ("precision", "recall", "density", "coverage")


def points(n: int, seed: int = 0, dimensions: int = 3, scale: float = 1.0) -> np.ndarray:
    return scale * np.random.default_rng(seed).standard_normal((n, dimensions))


def defined(real: np.ndarray, generated: np.ndarray) -> dict[str, float]:
    """Kynkäänniemi et al. 2019, equations 1 and 2; Naeem et al. 2020, equations 3 and 4."""
    real, generated = real.tolist(), generated.tolist()

    def radius(centre, among):
        others = sorted(math.dist(centre, point) for point in among if point is not centre)
        return others[NEAREST - 1]

    def inside(point, centre, among):
        return math.dist(point, centre) <= radius(centre, among)

    n, m = len(real), len(generated)
    return {
        "precision": sum(any(inside(g, r, real) for r in real) for g in generated) / m,
        "recall": sum(any(inside(r, g, generated) for g in generated) for r in real) / n,
        "density": sum(inside(g, r, real) for g in generated for r in real) / (NEAREST * m),
        "coverage": sum(any(inside(g, r, real) for g in generated) for r in real) / n,
    }


@pytest.mark.parametrize("seed", range(4))
@pytest.mark.parametrize(("n", "m"), [(6, 6), (20, 13), (11, 30)])
def test_all_four_scores_agree_with_their_definitions(seed, n, m):
    real, generated = points(n, seed), 0.4 + points(m, seed + 100, scale=1.3)
    scores = manifold_scores(real, generated)
    assert {name: scores[name] for name in FOUR} == pytest.approx(defined(real, generated))


def test_a_set_covers_itself_and_each_point_is_in_six_balls_on_average():
    """Its own ball, and those of the points that have it among their five nearest."""
    real = points(200)
    scores = manifold_scores(real, real)
    assert [scores[name] for name in FOUR] == [1.0, 1.0, pytest.approx((NEAREST + 1) / NEAREST), 1.0]
    assert scores["precision_se"] == scores["recall_se"] == scores["coverage_se"] == 0


def test_sets_that_are_far_apart_score_zero():
    scores = manifold_scores(points(50), 100 + points(50, 1))
    assert scores == dict.fromkeys(scores, 0.0)


def test_a_set_collapsed_to_one_point_is_precise_and_covers_next_to_nothing():
    real = points(400)
    scores = manifold_scores(real, np.repeat(real[:1], 400, axis=0))
    assert scores["precision"] == 1.0
    assert scores["coverage"] < 0.04
    assert scores["recall"] <= 1 / 400
    holding = sum(
        math.dist(real[0], centre) <= sorted(math.dist(centre, p) for p in real)[5] for centre in real
    )
    assert scores["coverage"] == pytest.approx(holding / 400)
    assert scores["density"] == pytest.approx(holding / NEAREST)


def test_half_of_the_modes_give_half_of_the_coverage():
    real = np.concatenate([points(100), 100 + points(100, 1)])
    scores = manifold_scores(real, points(200, 2))
    assert scores["precision"] > 0.9
    assert scores["coverage"] == pytest.approx(0.5, abs=0.01)


def test_outliers_raise_recall_but_not_coverage():
    """Why coverage is what the detectors read (Naeem et al. 2020, section 3)."""
    real, spoilt = points(100), 50 + points(100, 1)
    spoilt[:NEAREST] -= 200  # so far away that the ball of each covers everything
    scores = manifold_scores(real, spoilt)
    assert scores["recall"] == 1.0
    assert scores["coverage"] == 0.0


def test_standard_errors_are_those_of_shares():
    scores = manifold_scores(points(150), 1.5 + points(120, 1))
    for name, n in (("precision", 120), ("recall", 150), ("coverage", 150)):
        share = scores[name]
        assert 0 < share < 1
        assert scores[f"{name}_se"] == pytest.approx(math.sqrt(share * (1 - share) / (n - 1)))


def test_the_suffix_ends_the_name_of_every_score():
    plain, named = (manifold_scores(points(20), points(20, 1), suffix) for suffix in ("", "_ex_post"))
    assert named.keys() == {
        name.removesuffix("_se") + "_ex_post" + ("_se" if name.endswith("_se") else "") for name in plain
    }
    assert list(named.values()) == list(plain.values())

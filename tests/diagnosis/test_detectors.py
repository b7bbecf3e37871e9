"""Each threshold crossed by itself, from the measures of a healthy training."""

import itertools
import math
from dataclasses import fields
from typing import get_args

import pytest
from scipy.stats import norm

from vaeline.config import ExperimentConfig
from vaeline.core import params
from vaeline.diagnosis import thresholds
from vaeline.diagnosis.detection import run_detectors
from vaeline.diagnosis.detectors import BLUR, DEAD_DIMENSIONS, DETECTORS, DURING, OVERFITTING, UNDERFITTING
from vaeline.diagnosis.finding import SURE, problems, verdict_line
from vaeline.diagnosis.thresholds import Threshold

CONFIG = ExperimentConfig().to_dict()
HEALTHY = {
    "kl": 25.2, "kl_se": 0.1, "z_gain": 180.0, "z_gain_se": 1.0,
    "latent_dims": 20, "unused_units": 0, "unused_share": 0.0, "crowding": 1.3,
    "exchange_rate": 1.05, "exchange_rate_se": 0.01,
    "sharpness": 0.45, "sharpness_se": 0.005, "binary_share": 0.9,
    "coverage": 0.45, "coverage_se": 0.015, "coverage_aggregate": 0.9, "coverage_aggregate_se": 0.01,
    "coverage_real": 0.9, "coverage_real_se": 0.01,
    "coverage_ratio": 0.56, "coverage_ratio_se": 0.02, "diversity": 0.9, "diversity_se": 0.02,
    "skipped_updates": 0, "spike_share": 0.0, "largest_variance": 1.4,
    "decline": 0.0, "decline_se": 1e-4, "generalisation_gap": 0.001, "generalisation_gap_se": 1e-4,
    "late_gain": 0.0005, "late_gain_se": 1e-4, "best_epoch": 30,
}  # fmt: skip
SINGLE = [(d, sign) for d in DETECTORS if len(d.signs) == 1 for sign in d.signs[0]]
SEVERAL = [(d, signs) for d in DETECTORS if len(d.signs) > 1 for signs in itertools.product(*d.signs)]


def crossed(*signs: Threshold, by: float = 10.0) -> dict:
    """Returns healthy measures but for `signs`, which lie `by` standard errors beyond their thresholds."""
    metrics = dict(HEALTHY)
    for sign in signs:
        error = HEALTHY.get(f"{sign.measure}_se", 0.1)
        metrics[sign.measure] = sign.value + (1 if sign.beyond == "above" else -1) * by * error
    return metrics


def names(found) -> list[str]:
    return [one.name for one in problems(found)]


def test_a_healthy_training_is_healthy_and_says_what_was_looked_for():
    found = run_detectors(HEALTHY, CONFIG)
    assert {one.level for one in found} == {"healthy"}
    assert [one.name for one in found] == [d.name for d in DETECTORS]
    assert verdict_line(found).startswith("Healthy: no sign of ")
    assert all(d.title.lower() in verdict_line(found) for d in DETECTORS)
    assert all(one.sure > 0.99 and not one.cause and not one.changes for one in found)
    assert all(one.evidence and "{" not in one.says for one in found)


@pytest.mark.parametrize(
    ("detector", "sign"), SINGLE, ids=lambda x: getattr(x, "measure", getattr(x, "name", ""))
)
def test_a_threshold_that_is_crossed_is_reported_by_its_detector_alone(detector, sign):
    found = run_detectors(crossed(sign), CONFIG)
    assert names(found) == [detector.name]
    (problem,) = problems(found)
    assert problem is found[0]
    evidence = {one.name: one for one in problem.evidence}[sign.measure]
    assert (evidence.threshold, evidence.beyond, evidence.reason) == (sign.value, sign.beyond, sign.reason)
    assert evidence.value == crossed(sign)[sign.measure]
    assert problem.sure > 0.99
    assert problem.cause
    assert problem.changes
    assert "{" not in problem.says


@pytest.mark.parametrize(
    ("detector", "signs"), SEVERAL, ids=lambda x: getattr(x, "name", None) or "+".join(s.measure for s in x)
)
def test_where_several_signs_are_needed_all_of_them_are_a_problem(detector, signs):
    # The other way round: the wide gap is wider than the gap that is asked for as well.
    assert names(run_detectors(crossed(*reversed(signs)), CONFIG)) == [detector.name]


@pytest.mark.parametrize(
    ("detector", "sound"),
    [(d, i) for d in DETECTORS if len(d.signs) > 1 for i in range(len(d.signs))],
    ids=lambda x: getattr(x, "name", str(x)),
)
def test_where_several_signs_are_needed_one_that_is_sound_is_enough_against_all(detector, sound):
    others = [sign for i, group in enumerate(detector.signs) for sign in group if i != sound]
    well = crossed(*detector.signs[sound], by=-10.0)
    kept = {sign.measure: well[sign.measure] for sign in detector.signs[sound]}
    assert detector.name not in names(run_detectors(crossed(*others) | kept, CONFIG))


WITH_ERROR = [(d, sign) for d, sign in SINGLE if f"{sign.measure}_se" in HEALTHY and len(d.signs[0]) == 1]


@pytest.mark.parametrize("by", [-3.0, -1.0, 0.0, 1.0, 1.6, 1.7, 3.0])
@pytest.mark.parametrize(("detector", "sign"), WITH_ERROR, ids=lambda x: getattr(x, "measure", ""))
def test_how_sure_it_is_is_the_chance_that_the_measure_lies_beyond(detector, sign, by):
    found = next(one for one in run_detectors(crossed(sign, by=by), CONFIG) if one.name == detector.name)
    beyond = norm.cdf(by)
    assert found.sure == pytest.approx(beyond if beyond >= SURE else 1 - beyond, abs=1e-6)
    assert (found.level == "problem") == (beyond >= SURE)
    assert found.level == "problem" or found.changes == {}


def test_of_alternatives_the_surest_counts_and_of_what_must_come_together_the_least_sure():
    bought = crossed(thresholds.UNUSED, thresholds.BOUGHT, by=2.0)
    found = DEAD_DIMENSIONS.look(bought, CONFIG)
    assert found.sure == pytest.approx(norm.cdf(2.0))
    both = bought | {"crowding": 3.0}
    assert DEAD_DIMENSIONS.look(both, CONFIG).sure == 1.0
    gap = crossed(thresholds.DECLINE, by=9.0) | crossed(thresholds.GAP, by=1.0)
    gap |= {"decline": crossed(thresholds.DECLINE, by=9.0)["decline"]}
    assert OVERFITTING.look(gap, CONFIG).sure == pytest.approx(1 - norm.cdf(1.0))


def test_what_costs_nothing_is_information():
    """Unused units, a little progress at the end, and a gap without a decline."""
    for changes, name, said in (
        ({"unused_units": 3, "unused_share": 0.15}, "dead_dimensions", "3 of 20 units are unused"),
        ({"late_gain": 0.004}, "underfitting", "still improving a little"),
        ({"generalisation_gap": 0.02}, "overfitting", "explained better by 0.0200 bits"),
    ):
        found = run_detectors(HEALTHY | changes, CONFIG)
        assert [(one.name, one.level) for one in found if one.level != "healthy"] == [(name, "information")]
        assert said in next(one.says for one in found if one.name == name)


def spoilt(detector) -> dict:
    return crossed(*(signs[0] for signs in detector.signs))


@pytest.mark.parametrize(
    ("cause", "detector"),
    [(c, d) for d in DETECTORS for c in DETECTORS if c.name in d.follows_from],
    ids=lambda d: d.name,
)
def test_what_follows_from_another_failure_is_information_and_names_it(cause, detector):
    both = spoilt(cause) | {sign[0].measure: spoilt(detector)[sign[0].measure] for sign in detector.signs}
    found = run_detectors(both, CONFIG)
    assert names(found) == [cause.name]
    (follows,) = (one for one in found if one.name == detector.name)
    assert follows.level == "information"
    assert follows.says.endswith(f": follows from {cause.title.lower()}")
    assert (follows.cause, follows.changes) == ("", {})
    assert names(run_detectors(spoilt(detector), CONFIG)) == [detector.name]


def test_what_a_detector_follows_from_is_looked_for_before_it():
    order = [d.name for d in DETECTORS]
    for detector in DETECTORS:
        assert all(order.index(name) < order.index(detector.name) for name in detector.follows_from)


@pytest.mark.parametrize("missing", ["absent", "nan", "infinite"])
@pytest.mark.parametrize("detector", DETECTORS, ids=lambda d: d.name)
def test_what_was_not_measured_is_not_judged_and_not_called_sound(detector, missing):
    metrics = dict(HEALTHY)
    for sign in itertools.chain(*detector.signs):
        metrics.pop(sign.measure, None)
        if missing != "absent":
            metrics[sign.measure] = math.nan if missing == "nan" else math.inf
    found = run_detectors(metrics, CONFIG)
    assert detector.name not in [one.name for one in found]
    assert detector.title.lower() not in verdict_line(found)


def test_one_of_several_signs_is_enough_to_look():
    collapsed = {k: v for k, v in HEALTHY.items() if not k.startswith("z_gain")} | {"kl": 0.1}
    assert names(run_detectors(collapsed, CONFIG)) == ["posterior_collapse"]
    assert names(run_detectors(collapsed | {"z_gain": math.nan}, CONFIG)) == ["posterior_collapse"]


def test_a_measure_without_an_error_is_beyond_or_not():
    for value, sure in ((0.1, 1.0), (0.2, 0.0)):
        metrics = {k: v for k, v in HEALTHY.items() if k != "sharpness_se"} | {"sharpness": value - 0.05}
        found = BLUR.look(metrics, CONFIG)
        assert found.sure == 1.0
        assert (found.level == "problem") == (sure == 1.0)


def test_detection_never_looks_at_the_configuration():
    class Unread(dict):
        def __getitem__(self, key):
            raise AssertionError(key)

    assert len(run_detectors(HEALTHY, Unread())) == len(DETECTORS)


def test_a_gate_can_hold_back_what_the_detectors_find_and_all_of_it():
    assert set(get_args(params.FindingName)) == {"all", *(d.name for d in DETECTORS)}
    assert len({d.name for d in DETECTORS}) == len(DETECTORS)


def test_during_training_those_look_whose_measures_are_there():
    assert set(DURING) < set(DETECTORS)
    metrics = {"skipped_updates": 0, "spike_share": 0.0, "largest_variance": 1.0, "kl": 20.0}
    assert {one.name for one in run_detectors(metrics, CONFIG, DURING)} == {d.name for d in DURING}


def test_every_threshold_has_a_reason_and_is_used():
    stated = {value for value in vars(thresholds).values() if isinstance(value, Threshold)}
    used = {sign for d in DETECTORS for group in d.signs for sign in group}
    assert stated == used
    assert all(sign.reason and sign.beyond in ("above", "below") for sign in stated)
    assert {field.name for field in fields(Threshold)} == {"measure", "value", "beyond", "unit", "reason"}


def test_underfitting_and_its_gain_are_told_with_the_figure():
    found = UNDERFITTING.look(HEALTHY | {"late_gain": 0.0234}, CONFIG)
    assert "0.0234 bits per dimension" in found.says

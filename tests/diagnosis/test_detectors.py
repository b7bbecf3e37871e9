"""Each threshold, crossed by itself from the measures of a healthy training."""

import itertools
import math
from dataclasses import fields
from typing import get_args

import pytest
from hypothesis import example, given
from hypothesis import strategies as st
from scipy.stats import norm

from tests.support.measures import HEALTHY
from vaeline.config import ExperimentConfig
from vaeline.core import params
from vaeline.core.nouns import EXAMPLE, ROW
from vaeline.diagnosis import thresholds
from vaeline.diagnosis.detection import run_detectors
from vaeline.diagnosis.detectors import BLUR, DEAD_DIMENSIONS, DETECTORS, DURING, OVERFITTING, UNDERFITTING
from vaeline.diagnosis.finding import SURE, problems, verdict_line
from vaeline.diagnosis.thresholds import Threshold
from vaeline.experiments.variation import varied

CONFIG = ExperimentConfig().to_dict()
ALWAYS = {"binary_share", "best_epoch"}  # which no data leave undefined, and remedies rely on
SINGLE = [(d, sign) for d in DETECTORS if len(d.signs) == 1 for sign in d.signs[0]]
SEVERAL = [(d, signs) for d in DETECTORS if len(d.signs) > 1 for signs in itertools.product(*d.signs)]


def crossed(*signs: Threshold, by: float = 10.0) -> dict:
    """Returns healthy measures but for `signs`, which lie `by` standard errors beyond their thresholds."""
    metrics = dict(HEALTHY)
    for sign in signs:
        error = HEALTHY.get(f"{sign.measure}_se", 0.1)
        metrics[sign.measure] = sign.value + (1 if sign.beyond == "above" else -1) * by * error
    return metrics


@example(left_out={"decline", "late_gain"})
@given(left_out=st.sets(st.sampled_from(sorted(set(HEALTHY) - ALWAYS))))
def test_detectors_do_without_any_measures(left_out):
    """Some data, and a single epoch, leave measures undefined."""
    for measures in (HEALTHY, crossed(*(sign for d in DETECTORS for group in d.signs for sign in group))):
        findings = run_detectors({k: v for k, v in measures.items() if k not in left_out}, CONFIG)
        assert all("{" not in finding.says for finding in findings)


def problem_names(findings) -> list[str]:
    return [problem.name for problem in problems(findings)]


def test_verdict_of_healthy_training_names_every_detector():
    findings = run_detectors(HEALTHY, CONFIG)
    assert {finding.level for finding in findings} == {"healthy"}
    assert [finding.name for finding in findings] == [d.name for d in DETECTORS]
    assert verdict_line(findings).startswith("Healthy: no sign of ")
    assert all(d.title.lower() in verdict_line(findings) for d in DETECTORS)
    assert all(f.sure > 0.99 and not f.cause and not f.changes for f in findings)
    assert all(finding.evidence and "{" not in finding.says for finding in findings)


@pytest.mark.parametrize(
    ("detector", "sign"), SINGLE, ids=lambda x: getattr(x, "measure", getattr(x, "name", ""))
)
def test_crossed_threshold_is_reported_by_its_detector_only(detector, sign):
    findings = run_detectors(crossed(sign), CONFIG)
    assert problem_names(findings) == [detector.name]
    (problem,) = problems(findings)
    assert problem is findings[0]
    evidence = next(e for e in problem.evidence if e.name == sign.measure)
    reason = EXAMPLE.put_into(sign.reason)
    assert (evidence.threshold, evidence.beyond, evidence.reason) == (sign.value, sign.beyond, reason)
    assert evidence.value == crossed(sign)[sign.measure]
    assert problem.sure > 0.99
    assert problem.cause
    assert problem.changes
    assert "{" not in problem.says


@pytest.mark.parametrize(
    ("detector", "signs"), SEVERAL, ids=lambda x: getattr(x, "name", None) or "+".join(s.measure for s in x)
)
def test_one_sign_of_each_group_makes_a_problem(detector, signs):
    # Reversed, since WIDE_GAP and GAP are for the same measure: the wider one is to remain.
    assert problem_names(run_detectors(crossed(*reversed(signs)), CONFIG)) == [detector.name]


@pytest.mark.parametrize(
    ("detector", "healthy_group"),
    [(d, i) for d in DETECTORS if len(d.signs) > 1 for i in range(len(d.signs))],
    ids=lambda x: getattr(x, "name", str(x)),
)
def test_one_healthy_group_is_enough_for_no_problem(detector, healthy_group):
    signs = [sign for i, group in enumerate(detector.signs) for sign in group if i != healthy_group]
    within = crossed(*detector.signs[healthy_group], by=-10.0)
    kept = {sign.measure: within[sign.measure] for sign in detector.signs[healthy_group]}
    assert detector.name not in problem_names(run_detectors(crossed(*signs) | kept, CONFIG))


WITH_ERROR = [(d, sign) for d, sign in SINGLE if f"{sign.measure}_se" in HEALTHY and len(d.signs[0]) == 1]


@pytest.mark.parametrize("by", [-3.0, -1.0, 0.0, 1.0, 1.6, 1.7, 3.0])
@pytest.mark.parametrize(("detector", "sign"), WITH_ERROR, ids=lambda x: getattr(x, "measure", ""))
def test_confidence_is_the_probability_that_the_measure_is_beyond(detector, sign, by):
    finding = next(f for f in run_detectors(crossed(sign, by=by), CONFIG) if f.name == detector.name)
    beyond = norm.cdf(by)
    assert finding.sure == pytest.approx(beyond if beyond >= SURE else 1 - beyond, abs=1e-6)
    assert (finding.level == "problem") == (beyond >= SURE)
    assert finding.level == "problem" or finding.changes == {}


def test_confidence_is_the_smallest_over_groups_of_the_largest_within_a_group():
    metrics = crossed(thresholds.UNUSED_SHARE, thresholds.EXCHANGE_RATE, by=2.0)
    assert DEAD_DIMENSIONS.detect(metrics, CONFIG).sure == pytest.approx(norm.cdf(2.0))
    assert DEAD_DIMENSIONS.detect(metrics | {"crowding": 3.0}, CONFIG).sure == 1.0
    gap = crossed(thresholds.DECLINE, by=9.0) | crossed(thresholds.GAP, by=1.0)
    gap |= {"decline": crossed(thresholds.DECLINE, by=9.0)["decline"]}
    assert OVERFITTING.detect(gap, CONFIG).sure == pytest.approx(1 - norm.cdf(1.0))


def test_harmless_sign_is_information():
    """Unused units that cost nothing, a little progress at the end, and a gap without a decline."""
    for changes, name, said in (
        ({"unused_units": 3, "unused_share": 0.15}, "dead_dimensions", "3 of 20 units are unused"),
        ({"late_gain": 0.004}, "underfitting", "still improving a little"),
        ({"late_gain": 0.056, "late_gain_se": 0.037}, "underfitting", "perhaps still improving"),
        ({"generalisation_gap": 0.02}, "overfitting", "better by 0.0200 bits"),
    ):
        (finding,) = (f for f in run_detectors(HEALTHY | changes, CONFIG) if f.level != "healthy")
        assert (finding.name, finding.level) == (name, "information")
        assert said in finding.says


def failing(detector) -> dict:
    """Returns measures that make the detector report a problem."""
    return crossed(*(signs[0] for signs in detector.signs))


@pytest.mark.parametrize(
    ("cause", "detector"),
    [(c, d) for d in DETECTORS for c in DETECTORS if c.name in d.follows_from + d.may_follow_from],
    ids=lambda d: d.name,
)
def test_consequence_of_another_problem_is_information_that_names_it(cause, detector):
    both = failing(cause) | {sign[0].measure: failing(detector)[sign[0].measure] for sign in detector.signs}
    findings = run_detectors(both, CONFIG)
    assert problem_names(findings) == [cause.name]
    (follows,) = (finding for finding in findings if finding.name == detector.name)
    assert follows.level == "information"
    assert follows.says.endswith(f": follows from {cause.title.lower()}")
    assert (follows.cause, follows.changes, follows.follows_from) == ("", {}, cause.title)
    assert problem_names(run_detectors(failing(detector), CONFIG)) == [detector.name]


OWN_CAUSES = {
    "posterior_collapse": {"network.mlp.depth": 10},
    "blurry_reconstructions": {"likelihood.name": "gaussian", "likelihood.gaussian.variance": "fixed"},
    "low_diversity": {"likelihood.name": "gaussian"},  # of images that are black and white
}


@pytest.mark.parametrize("detector", [d for d in DETECTORS if d.may_follow_from], ids=lambda d: d.name)
def test_a_problem_whose_cause_the_params_show_does_not_follow_from_underfitting(detector):
    """More epochs would not cure it."""
    both = failing(UNDERFITTING) | {
        sign[0].measure: failing(detector)[sign[0].measure] for sign in detector.signs
    }
    assert problem_names(run_detectors(both, CONFIG)) == ["underfitting"]
    own = varied(CONFIG, OWN_CAUSES[detector.name]).to_dict()
    findings = run_detectors(both, own)
    assert problem_names(findings) == ["underfitting", detector.name]
    assert next(f for f in findings if f.name == detector.name).changes.keys() != {"epochs"}


def test_detector_comes_after_those_that_it_follows_from():
    order = [d.name for d in DETECTORS]
    for detector in DETECTORS:
        before = detector.follows_from + detector.may_follow_from
        assert all(order.index(name) < order.index(detector.name) for name in before)


@pytest.mark.parametrize("missing", ["absent", "nan", "infinite"])
@pytest.mark.parametrize("detector", DETECTORS, ids=lambda d: d.name)
def test_missing_measure_gives_no_finding(detector, missing):
    metrics = dict(HEALTHY)
    for sign in itertools.chain(*detector.signs):
        metrics.pop(sign.measure, None)
        if missing != "absent":
            metrics[sign.measure] = math.nan if missing == "nan" else math.inf
    findings = run_detectors(metrics, CONFIG)
    assert detector.name not in [finding.name for finding in findings]
    assert detector.title.lower() not in verdict_line(findings)


def test_one_measure_of_a_group_is_enough_for_a_finding():
    collapsed = {k: v for k, v in HEALTHY.items() if not k.startswith("z_gain")} | {"kl": 0.1}
    assert problem_names(run_detectors(collapsed, CONFIG)) == ["posterior_collapse"]
    assert problem_names(run_detectors(collapsed | {"z_gain": math.nan}, CONFIG)) == ["posterior_collapse"]


@pytest.mark.parametrize(("sharpness", "level"), [(0.05, "problem"), (0.15, "healthy")])
def test_measure_without_standard_error_is_certain(sharpness, level):
    metrics = {k: v for k, v in HEALTHY.items() if k != "sharpness_se"} | {"sharpness": sharpness}
    finding = BLUR.detect(metrics, CONFIG)
    assert (finding.sure, finding.level) == (1.0, level)


def test_detection_does_not_read_params():
    class Unread(dict):
        def __getitem__(self, key):
            raise AssertionError(key)

    assert len(run_detectors(HEALTHY, Unread())) == len(DETECTORS)


def test_gate_takes_the_names_of_the_detectors_and_all():
    assert set(get_args(params.FindingName)) == {"all", *(d.name for d in DETECTORS)}
    assert len({d.name for d in DETECTORS}) == len(DETECTORS)


def test_detectors_during_training_need_no_other_measures():
    assert set(DURING) < set(DETECTORS)
    metrics = {"skipped_updates": 0, "spike_share": 0.0, "largest_variance": 1.0, "kl": 20.0}
    assert {f.name for f in run_detectors(metrics, CONFIG, DURING)} == {d.name for d in DURING}


def test_every_threshold_is_used_and_has_a_reason():
    stated = {value for value in vars(thresholds).values() if isinstance(value, Threshold)}
    used = {sign for d in DETECTORS for group in d.signs for sign in group}
    assert stated == used
    assert all(sign.reason and sign.beyond in ("above", "below") for sign in stated)
    assert {field.name for field in fields(Threshold)} == {"measure", "value", "beyond", "unit", "reason"}


def test_underfitting_gives_the_gain():
    finding = UNDERFITTING.detect(HEALTHY | {"late_gain": 0.0234}, CONFIG)
    assert "0.0234 bits per dimension" in finding.says


def test_what_improves_does_not_overfit_however_noisy_its_curve():
    """A longer training on photographs: a gap of 0.048 ± 0.017, while the ELBO rose by 0.11."""
    colour = {"late_gain": 0.1144, "late_gain_se": 0.0137, "decline": 0.0, "decline_se": 0.0137}
    gap = {"generalisation_gap": 0.048, "generalisation_gap_se": 0.017}
    findings = run_detectors(HEALTHY | colour | gap, CONFIG)
    assert problem_names(findings) == ["underfitting"]
    assert problem_names(run_detectors(HEALTHY | gap, CONFIG)) == ["overfitting"]


def test_findings_name_rows_as_rows_in_every_text():
    """Whatever a detector says of a table, it does not speak of images."""
    for detector in DETECTORS:
        findings = [f for m in (failing(detector), HEALTHY) for f in run_detectors(m, CONFIG, noun=ROW)]
        texts = [text for f in findings for text in (f.says, *(e.reason + e.unit for e in f.evidence))]
        assert not any(word in text for text in texts for word in ("image", "pixel", "{"))
        assert any("rows" in text for text in texts)

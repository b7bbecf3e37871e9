from types import SimpleNamespace

import pytest

from vaeline.evaluation.target import target_verdict


def verdict_on(nll: float, rule: str, target: float | None = 86.76) -> dict:
    params = SimpleNamespace(target_nll=target, target_rule=rule, target_tolerance=0.3)
    return target_verdict({"iwae": -nll, "iwae_se": 0.2}, params)


@pytest.mark.parametrize(
    ("rule", "nll", "expected"),
    [
        ("within", 86.76, "pass"),
        ("within", 87.05, "pass"),
        ("within", 87.07, "fail"),
        ("within", 86.47, "pass"),
        ("within", 86.45, "fail"),
        ("at_most", 87.05, "pass"),
        ("at_most", 87.07, "fail"),
        ("at_most", 80.0, "pass"),
    ],
)
def test_the_rule_decides_whether_a_lower_value_passes(rule, nll, expected):
    values = verdict_on(nll, rule)
    assert values["verdict"] == expected
    assert values["nll_minus_target"] == pytest.approx(nll - 86.76)
    assert (values["nll"], values["nll_se"]) == (nll, 0.2)


def test_without_a_target_there_is_no_verdict():
    assert verdict_on(90.0, "within", target=None) == {"nll": 90.0, "nll_se": 0.2}

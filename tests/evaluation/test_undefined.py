import math

import pytest

from vaeline.evaluation.undefined import OTHERWISE, without_undefined


def test_defined_metrics_stay_as_they_are(capsys):
    metrics = {"elbo": -1.5, "images": 3, "note": "text"}
    assert without_undefined(metrics) == metrics
    assert capsys.readouterr().out == ""


@pytest.mark.parametrize("value", [math.nan, math.inf, -math.inf])
def test_undefined_metric_is_left_out_with_its_error_and_the_reason(capsys, value):
    metrics = {"elbo": -1.5, "sharpness": value, "sharpness_se": 0.1, "gain": 2.0, "gain_se": value}
    assert without_undefined(metrics) == {
        "elbo": -1.5,
        "gain": 2.0,
        "undefined": f"sharpness: the images have no fine detail; gain_se: {OTHERWISE}",
    }
    assert capsys.readouterr().out.startswith("left out, sharpness: ")

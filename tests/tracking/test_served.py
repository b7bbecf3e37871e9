"""Requests to a served model; tests/test_served_alone.py asks one over HTTP."""

import json

import numpy as np
import pandas as pd
import pytest
import torch

from tests.support.small import labels, shown, vae
from vaeline.evaluation.trained import TrainedModel
from vaeline.tracking.signature import request_example
from vaeline.tracking.trained import METHODS, RequestError, ServedModel

N = 4


def served(**changes) -> ServedModel:
    torch.manual_seed(1)
    return ServedModel(TrainedModel(vae(**changes).eval()))


def rows(**columns) -> pd.DataFrame:
    return pd.DataFrame({"image": shown(N).tolist()} | columns)


def test_every_method_answers_as_the_trained_model():
    model, x = served(), shown(N).numpy()
    trained = model.python_model
    np.testing.assert_array_equal(model.predict(rows(), {"method": "encode"}), trained.encode(x))
    answers = {name: model.predict(rows(), {"method": name, "seed": 3, "k": 5}) for name in METHODS}
    torch.manual_seed(3)
    np.testing.assert_array_equal(answers["reconstruct"], trained.reconstruct(x))
    torch.manual_seed(3)
    pd.testing.assert_frame_equal(answers["score"], pd.DataFrame(trained.score(x, k=5)))
    torch.manual_seed(3)
    np.testing.assert_array_equal(answers["sample"], trained.sample(N))
    assert model.predict(pd.DataFrame(), {"method": "sample", "n": 2}).shape == (2, 1, 8, 8)
    np.testing.assert_array_equal(model.predict(x, {"method": "encode"}), trained.encode(x))


def test_a_seed_repeats_the_draws_and_leaves_those_of_others_alone():
    model = served()
    torch.manual_seed(0)
    expected = torch.rand(1)
    torch.manual_seed(0)
    first, second = (model.predict(rows(), {"seed": 1}) for _ in range(2))
    np.testing.assert_array_equal(first, second)
    assert torch.rand(1) == expected


def test_labels_reach_a_conditional_model():
    model, y = served(model={"name": "conditional"}), labels()[:N]
    encoded = model.predict(rows(label=y), {"method": "encode"})
    np.testing.assert_array_equal(encoded, model.python_model.encode(shown(N), y))
    assert model.predict(pd.DataFrame({"label": [1, 2]}), {"method": "sample"}).shape == (2, 1, 8, 8)
    example, params = request_example(model.python_model.model)
    assert model.predict(example, params).shape == (1, 1, 8, 8)


@pytest.mark.parametrize(
    ("changes", "request_rows", "params", "message"),
    [
        (
            {},
            rows(),
            {"method": "dream"},
            "method = 'dream' is not one of encode, reconstruct, sample, score",
        ),
        ({}, pd.DataFrame(), {"method": "encode"}, "method = 'encode' needs rows with an `image`"),
        (
            {},
            pd.DataFrame({"image": [[[1]], [[1, 2]]]}),
            {},
            "each `image` has to be numbers, and all of the same",
        ),
        ({}, pd.DataFrame({"image": ["cat"]}), {}, "each `image` has to be numbers"),
        ({}, rows(label=[1] * N), {}, "this model is not conditioned on labels: leave them out"),
        ({}, pd.DataFrame(), {"method": "sample"}, "n = 0 is not allowed: use 1 or more"),
        ({"model": {"name": "conditional"}}, rows(), {}, "this model is conditioned on labels: give 4"),
        (
            {"model": {"name": "conditional"}},
            rows(label=[1, 2, 3, None]),
            {},
            "row 3 has nan: this model takes labels",
        ),
    ],
)
def test_bad_request_is_answered_with_400_and_one_line(changes, request_rows, params, message):
    with pytest.raises(RequestError) as error:
        served(**changes).predict(request_rows, params)
    error.value.message = f"Failed to predict data '…'. \nError: {error.value.message}"  # as MLflow does
    assert error.value.get_http_status_code() == 400
    answer = json.loads(error.value.serialize_as_json())
    assert message in answer["message"]
    assert "\n" not in answer["message"]

import numpy as np
import torch

from tests.support.small import vae
from vaeline.core.scaling import Standardised
from vaeline.data.prepared import Prepared, Split
from vaeline.evaluation import symptoms
from vaeline.evaluation.samples.features import RowFeatures, draw_at

UNIT = Standardised(mean=[0.0] * 3, std=[1.0] * 3, least=[-3.0] * 3, most=[3.0] * 3)
ROWS = np.random.default_rng(0).normal(size=(400, 3)).astype(np.float32)


def model():
    """Returns a model whose p(x|z) is N(0, I) at every z: that of the rows."""
    built = vae((3,), likelihood={"name": "gaussian", "gaussian": {"variance": "fixed", "scale": 1.0}}).eval()
    for parameter in built.decoder.parameters():
        torch.nn.init.zeros_(parameter)
    return built


def data() -> Prepared:
    facts = {"name": "table", "shape": [3], "values": UNIT.model_dump(), "classes": ["row"]}
    train, valid = (Split(rows, np.zeros(len(rows), np.int64)) for rows in (ROWS[:200], ROWS[200:]))
    return Prepared(None, facts, train, valid, valid)


def test_rows_are_drawn_with_the_noise_of_the_likelihood():
    built = model()
    drawn = draw_at(built, built.prior_sample((4000,)))
    assert (drawn.std(0) - 1).abs().max() < 0.06  # five standard errors
    assert built.sample(4).abs().max() == 0  # the means, which have none


def test_samples_of_the_distribution_of_the_data_cover_as_much_as_data_do():
    built = model()
    scores = symptoms.sample_symptoms(built, RowFeatures(built), data())
    for measure in ("coverage", "coverage_aggregate"):
        error = np.hypot(scores[f"{measure}_se"], scores["coverage_real_se"])
        assert abs(scores[measure] - scores["coverage_real"]) < 4 * error


def test_rows_have_no_sharpness_and_no_binary_pixels():
    measures = symptoms.model_symptoms(model(), data())
    assert {"z_gain", "exchange_rate", "generalisation_gap"} <= measures.keys()
    assert not {"sharpness", "binary_share"} & measures.keys()

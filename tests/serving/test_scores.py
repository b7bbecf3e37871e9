"""Scores against what is known of them."""

import numpy as np

from tests.support.small import digits, split, vae
from vaeline.core.scaling import BYTES
from vaeline.evaluation.trained import TrainedModel
from vaeline.serving import scores
from vaeline.serving.reading import Batch
from vaeline.serving.scores import NATS_PER_BYTE, Scorer, complexity, expected_log_likelihood, observed_levels


def test_complexity_orders_constant_structured_and_random_images():
    noise = np.random.default_rng(0).integers(0, 256, (1, 3, 32, 32), np.uint8)
    repeated = np.tile(noise[..., :8, :8], (1, 1, 4, 4))
    constant, structured, random = complexity(np.concatenate([np.full_like(noise, 7), repeated, noise]))
    assert constant < structured < random
    assert random > noise.size * NATS_PER_BYTE  # noise cannot be compressed


def test_a_black_and_white_image_has_one_bit_a_pixel():
    bits = np.random.default_rng(0).integers(0, 2, (1, 1, 64, 64), np.uint8)
    assert complexity(255 * bits) < 0.7 * complexity(254 * bits)


def test_what_is_scored_is_what_the_likelihood_observes():
    values = digits(20).numpy() / np.float32(255)
    assert set(np.unique(observed_levels(vae(), values))) == {0, 255}
    gaussian = vae(likelihood={"name": "gaussian"})
    assert np.array_equal(observed_levels(gaussian, values), digits(20).numpy())


def test_vectors_have_no_complexity():
    trained = TrainedModel(vae(event_shape=(64,), likelihood={"name": "gaussian"}), "")
    table = Scorer(trained, k=2, draws=1).score(Batch(["0"], digits(1).numpy().reshape(1, 64), None, BYTES))
    assert {"elbo", "iwae", "iwae_se", "distortion", "rate", "mse"} <= set(table.dtype.names)
    assert not {"complexity", "typicality"} & set(table.dtype.names)


def test_what_is_typical_is_the_mean_over_validation_images(monkeypatch):
    class Data:
        valid = split(40)

    trained = TrainedModel(vae(), "")
    monkeypatch.setattr(scores, "training_data", lambda trained: None)
    assert expected_log_likelihood(trained, 2, 1) is None
    monkeypatch.setattr(scores, "training_data", lambda trained: Data)
    direct = trained.score(Data.valid.values, None, 200, 1)["iwae"].mean()
    assert abs(expected_log_likelihood(trained, 200, 1) - direct) < 0.1

"""Arrays in, arrays out: against the model's own parts and the estimators of the stage evaluate."""

import numpy as np
import pytest
import torch

from tests.support.small import digits, labels, shown, split, vae
from vaeline.core.errors import VaelineError
from vaeline.core.scaling import Standardised
from vaeline.evaluation.estimators.bounds import elbo_terms, importance_bounds
from vaeline.evaluation.observing import evaluation_set
from vaeline.evaluation.trained import TrainedModel
from vaeline.models.catalog import MODELS

N = 6


def trained(**changes) -> TrainedModel:
    torch.manual_seed(1)
    return TrainedModel(vae(**changes).eval())


def labels_for(built: TrainedModel, n: int = N) -> np.ndarray | None:
    return labels()[:n] if built.classes else None


@pytest.mark.parametrize("name", list(MODELS))
def test_every_model_encodes_decodes_samples_interpolates_and_scores(name):
    built = trained(model={"name": name})
    x, y = shown(N).numpy(), labels_for(built)
    z = built.encode(x, y)
    assert z.shape == (N, built.latent_dim)
    assert built.encode(x, y, draws=2).shape == (2, N, built.latent_dim)
    for images in (built.decode(z, y), built.reconstruct(x, y), built.sample(N, y, temperature=0.5)):
        assert images.shape == (N, 1, 8, 8)
        assert images.min() >= 0
        assert images.max() <= 1
    path = built.interpolate(x, x[::-1], y, steps=4)
    assert path.shape == (N, 4, 1, 8, 8)
    scores = built.score(x, y, k=5, draws=2)
    assert {len(values) for values in scores.values()} == {N}
    np.testing.assert_allclose(scores["elbo"], -scores["distortion"] - scores["rate"], rtol=1e-6)


def test_encoding_is_the_posterior_mean_and_draws_are_around_it():
    built = trained()
    x = shown(N)
    q = built.model.encode(x)
    np.testing.assert_allclose(built.encode(x), q.mean.detach(), rtol=1e-6)
    draws = built.encode(x, draws=20_000)
    error = 5 * q.stddev.detach().numpy() / np.sqrt(len(draws))
    assert (np.abs(draws.mean(0) - q.mean.detach().numpy()) < error).all()


def test_a_ladder_with_skips_encodes_the_layers_that_it_decodes():
    built = trained(model={"name": "ladder", "ladder": {"skip": True}})
    z = built.encode(shown(N))
    assert z.shape == (N, sum(built.model.sizes))
    with torch.no_grad():
        np.testing.assert_allclose(
            built.decode(z), built.model.decode(torch.from_numpy(z)).mean, rtol=1e-5, atol=1e-6
        )


def test_interpolation_starts_and_ends_at_the_images_own_codes():
    built = trained()
    x = shown(N).numpy()
    path = built.interpolate(x, x[::-1], steps=3)
    np.testing.assert_allclose(path[:, 0], built.decode(built.encode(x)), rtol=1e-4)
    np.testing.assert_allclose(path[:, -1], built.decode(built.encode(x[::-1])), rtol=1e-4)


@pytest.mark.parametrize("likelihood", ["bernoulli", "gaussian", "discretized_logistic"])
def test_scores_are_those_of_the_stage_evaluate_image_by_image(likelihood):
    built = trained(likelihood={"name": likelihood})
    observed = evaluation_set(built.model, split(N))
    torch.manual_seed(2)
    terms, bounds = elbo_terms(built.model, observed, 3), importance_bounds(built.model, observed, (7,))
    for images in (digits(N), digits(N).numpy() / 255):  # levels, and the same as floats
        torch.manual_seed(2)
        scores = built.score(images, k=7, draws=3)
        np.testing.assert_allclose(scores["elbo"], terms.elbo, rtol=1e-6)
        np.testing.assert_allclose(scores["iwae"], bounds.iwae, rtol=1e-6)
    measures = built.model.likelihood.measures(bounds.iwae, 64)
    assert scores.keys() == {"elbo", "distortion", "rate", "iwae", "iwae_se", *measures}


def test_temperature_narrows_samples_to_the_mode():
    built = trained()
    assert np.ptp(built.sample(5, temperature=0), axis=0).max() < 1e-6
    torch.manual_seed(0)
    usual = built.sample(5)
    torch.manual_seed(0)
    np.testing.assert_array_equal(usual, built.model.sample(5))


def test_conditional_model_depends_on_its_labels():
    built = trained(model={"name": "conditional"})
    with torch.no_grad():
        built.model.plane.weight.normal_()
    x, y = shown(N).numpy(), labels()[:N]
    assert not np.allclose(built.encode(x, y), built.encode(x, (y + 1) % 10))
    for method in (lambda y: built.sample(3, y), lambda y: built.decode(np.zeros((3, 3)), y)):
        torch.manual_seed(0)
        ones = method([1, 1, 1])
        torch.manual_seed(0)
        assert not np.allclose(ones, method([2, 2, 2]))
    path = built.interpolate(x[:2], x[2:4], y[:2], steps=2)
    np.testing.assert_allclose(path[:, 0], built.decode(built.encode(x[:2], y[:2]), y[:2]), rtol=1e-4)


IMAGES = np.zeros((2, 1, 8, 8), np.float32)
CONDITIONAL = {"model": {"name": "conditional"}}


def spoilt(value: float) -> np.ndarray:
    images = IMAGES.copy()
    images[1, 0, 3, 3] = value
    return images


@pytest.mark.parametrize(
    ("changes", "method", "arguments", "message"),
    [
        ({}, "encode", (np.zeros((2, 3, 8, 8)),), "shape [2, 3, 8, 8], and this model takes [N, 1, 8, 8]"),
        ({}, "encode", (IMAGES[0],), "shape [1, 8, 8], and this model takes [N, 1, 8, 8]"),
        ({}, "encode", (spoilt(np.nan),), "row 1 has nan at position 27: this model takes floats in [0, 1]"),
        (
            {},
            "reconstruct",
            (spoilt(255),),
            "row 1 has 255 at position 27: this model takes floats in [0, 1]",
        ),
        (
            {},
            "score",
            (spoilt(256).astype(int),),
            "row 1 has 256 at position 27: this model takes levels",
        ),
        ({}, "encode", (IMAGES.astype(str),), "values of <U32: use numbers"),
        ({}, "score", (IMAGES, None, 1), "k = 1 is not allowed: use 2 or more"),
        ({}, "sample", (0,), "n = 0 is not allowed: use 1 or more"),
        ({}, "sample", (1, None, -0.5), "temperature = -0.5 is not allowed"),
        ({}, "sample", (2, [1, 1]), "not conditioned on labels: leave them out"),
        ({}, "interpolate", (IMAGES, IMAGES, None, 1), "steps = 1 is not allowed"),
        ({}, "decode", (np.zeros((2, 4)),), "z has the shape [2, 4], and this model takes [N, 3]"),
        (CONDITIONAL, "encode", (IMAGES,), "conditioned on labels: give 2, each from 0 to 9"),
        (CONDITIONAL, "score", (IMAGES,), "conditioned on labels: give 2, each from 0 to 9"),
        (CONDITIONAL, "sample", (2, [1]), "labels have the shape [1], and [2] are needed"),
        (CONDITIONAL, "sample", (2, [1, 10]), "row 1 has 10: this model takes labels from 0 to 9"),
        (CONDITIONAL, "sample", (2, [1, 0.5]), "row 1 has 0.5: this model takes labels from 0 to 9"),
        (CONDITIONAL, "sample", (1, ["a"]), "labels are of <U1: use whole numbers from 0 to 9"),
    ],
)
def test_what_the_model_cannot_take_is_rejected_in_one_line(changes, method, arguments, message):
    with pytest.raises(VaelineError) as error:
        getattr(trained(**changes), method)(*arguments)
    assert message in str(error.value)
    assert "\n" not in str(error.value)


def test_seed_decides_what_is_drawn():
    built, x, drawn = trained(), shown(N).numpy(), []
    for _ in range(2):
        torch.manual_seed(3)
        drawn.append(built.reconstruct(x))
    np.testing.assert_array_equal(*drawn)
    assert not np.array_equal(drawn[0], built.reconstruct(x))


def test_channels_are_returned_in_their_own_units():
    """Two images of two channels: an axis of draws would be taken for another one without an error."""
    scaling = Standardised(mean=[-50.0, 50.0], std=[1.0, 2.0], least=[0.0] * 2, most=[1.0] * 2)
    trained = TrainedModel(vae((2, 8, 8), scaling, likelihood={"name": "gaussian"}))
    images = scaling.original(np.zeros((2, 2, 8, 8), np.float32))
    for returned in (trained.reconstruct(images), trained.sample(2), trained.interpolate(images, images)[0]):
        assert (returned[:, 0] < 0).all()
        assert (returned[:, 1] > 0).all()

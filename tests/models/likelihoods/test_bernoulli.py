import itertools

import pytest
import torch

from tests.support.small import config, digits
from vaeline.core.errors import VaelineError
from vaeline.data.draws import Draws
from vaeline.models.likelihoods.bernoulli import brighter
from vaeline.models.likelihoods.catalog import LIKELIHOODS

GREYS = torch.arange(256, dtype=torch.uint8).reshape(256, 1, 1, 1)
COPIES = 4000


def bernoulli(**options: object):
    section = config(likelihood={"name": "bernoulli", "bernoulli": options}).likelihood
    return LIKELIHOODS.build(section, event_shape=(1, 8, 8))


def errors(drawn: torch.Tensor) -> torch.Tensor:
    """Returns the distance of the share of ones from g/255 in standard errors, for each g from 1 to 254."""
    expected = torch.arange(1, 255) / 255
    return (drawn.mean((1, 2, 3))[1:-1] - expected) / (expected * (1 - expected) / COPIES).sqrt()


def test_probabilities_of_all_binary_images_sum_to_one():
    every = torch.tensor(list(itertools.product([0.0, 1.0], repeat=6))).reshape(64, 1, 2, 3).double()
    logits = 3 * torch.randn(5, 1, 1, 2, 3, dtype=torch.float64)
    log_p = bernoulli()(logits).log_prob(every)
    torch.testing.assert_close(log_p.exp().sum(1), torch.ones(5, dtype=torch.float64))


def test_log_p_is_the_sum_of_the_log_probabilities_of_the_pixels():
    logits, x = torch.randn(2, 3, 1, 4, 4), (torch.rand(3, 1, 4, 4) > 0.5).float()
    p = torch.sigmoid(logits.double())
    expected = torch.where(x.bool(), p, 1 - p).log().sum((-3, -2, -1))
    torch.testing.assert_close(bernoulli()(logits).log_prob(x).double(), expected)


def test_log_p_is_finite_where_a_sigmoid_would_be_0_or_1():
    logits = torch.tensor([-300.0, 300.0]).reshape(1, 2, 1, 1, 1)
    log_p = bernoulli()(logits).log_prob(torch.tensor([1.0, 0.0]).reshape(2, 1, 1, 1))
    assert log_p.flatten().tolist() == [-300.0, -300.0]


def test_dynamic_binarization_has_the_frequencies_of_the_grey_values():
    images = GREYS.expand(256, 1, 1, COPIES)
    drawn = bernoulli().observe(images, Draws.of_seed(0, len(images)))
    assert drawn.unique().tolist() == [0.0, 1.0]
    assert not drawn[0].any()
    assert drawn[255].all()
    assert errors(drawn).abs().max() < 4.5
    assert 0.8 < errors(drawn).std() < 1.2


def test_binarization_for_evaluation_has_the_same_frequencies():
    drawn = bernoulli().evaluation_set(GREYS.expand(256, 1, 1, COPIES).contiguous()).float() / 255
    assert drawn.unique().tolist() == [0.0, 1.0]
    assert not drawn[0].any()
    assert drawn[255].all()
    assert errors(drawn).abs().max() < 4.5


@pytest.mark.parametrize(("uniform", "darkest_white"), [(0.0, 1), (0.5, 128), (1 - 2.0**-24, 255)])
def test_pixels_above_the_uniform_number_become_white(monkeypatch, uniform, darkest_white):
    """Its smallest value leaves 0 black, and its largest leaves 255 white."""
    monkeypatch.setattr(torch, "rand", lambda shape, **_: torch.full(shape, uniform))
    drawn = bernoulli().evaluation_set(GREYS).flatten()
    assert drawn.tolist() == [0] * darkest_white + [255] * (256 - darkest_white)


def test_share_of_words_that_turn_a_pixel_white_is_its_grey_value():
    words = torch.arange(-(2**15), 2**15).to(torch.int16).reshape(-1, 1).repeat(1, 256)
    share = brighter(torch.arange(256, dtype=torch.uint8).expand(2**16, 256), words).double().mean(0)
    grey = torch.arange(256, dtype=torch.float64)
    assert share[:255].tolist() == (grey[:255] * 257 / 2**16).tolist()
    assert share[255] == 1
    assert (share - grey / 255).abs().max() < 2e-5


def test_neighbouring_words_are_uniform_and_independent():
    """Four words come from one random number: no bit of it may be constant or repeat another."""
    grey = torch.full((4096, 1, 8, 8), 128, dtype=torch.uint8)
    drawn = bernoulli().observe(grey, Draws.of_seed(0, len(grey))).reshape(-1, 4)
    n = len(drawn)
    assert (drawn.mean(0) - 128 / 255).abs().max() < 4.5 * 0.5 / n**0.5
    off_diagonal = drawn.T.corrcoef() - torch.eye(4)
    assert off_diagonal.abs().max() < 4.5 / n**0.5


def test_gradient_passes_gradcheck():
    logits = torch.randn(3, 2, 1, 4, 4, dtype=torch.float64, requires_grad=True)
    x = torch.rand(2, 1, 4, 4, dtype=torch.float64)
    assert torch.autograd.gradcheck(lambda given: bernoulli()(given).log_prob(x), logits)


def test_dynamic_draws_again_at_each_use():
    likelihood, images, draws = bernoulli(), digits(20), Draws.of_seed(0, 20)
    assert torch.equal(likelihood.training_set(images), images)
    uses = [likelihood.observe(images, draws) for _ in range(3)]
    assert not torch.equal(uses[0], uses[1])
    assert not torch.equal(uses[1], uses[2])


def test_static_is_the_one_draw_that_bounds_are_evaluated_on():
    likelihood, images, draws = bernoulli(binarization="static"), digits(20), Draws.of_seed(0, 20)
    binary = likelihood.training_set(images)
    assert torch.equal(binary, likelihood.evaluation_set(images))
    assert torch.equal(binary, bernoulli().evaluation_set(images))
    for _ in range(2):
        assert torch.equal(likelihood.observe(binary, draws), binary / 255)


def test_grey_trains_on_grey_values_and_is_evaluated_on_binary_ones():
    likelihood = bernoulli(binarization="grey")
    assert torch.equal(likelihood.training_set(GREYS), GREYS)
    assert torch.equal(likelihood.observe(GREYS, Draws.of_seed(0, len(GREYS))), GREYS / 255)
    assert torch.equal(likelihood.evaluation_set(digits(20)), bernoulli().evaluation_set(digits(20)))


def test_another_seed_gives_another_binarization():
    images = digits(20)
    first, second = (bernoulli(binarization_seed=seed).evaluation_set(images) for seed in (0, 1))
    assert not torch.equal(first, second)


def test_chunks_of_a_large_set_are_independent(monkeypatch):
    grey = torch.full((40, 1, 8, 8), 128, dtype=torch.uint8)
    monkeypatch.setattr("vaeline.models.likelihoods.bernoulli.BINARIZATION_CHUNK", 20)
    drawn = bernoulli().evaluation_set(grey)
    assert not torch.equal(drawn[:20], drawn[20:])
    assert 0.45 < (drawn[20:] == 255).float().mean() < 0.55


def test_unknown_binarization_is_rejected():
    with pytest.raises(VaelineError, match=r"likelihood\.bernoulli\.binarization = 'threshold' .*'dynamic'"):
        bernoulli(binarization="threshold")

import pytest
import torch
from torch.distributions import Categorical, MixtureSameFamily

from tests.support.small import digits, objective, shown, vae
from vaeline.core.errors import VaelineError
from vaeline.data.prepared import Split
from vaeline.evaluation.observing import start_from

COMPONENTS = 20


def model(**changes):
    return vae(prior={"name": "vamp", "vamp": {"components": COMPONENTS}}, **changes)


def train(n: int) -> Split:
    return Split(digits(n).numpy(), torch.zeros(n).numpy())


@torch.no_grad()
def test_density_is_the_mixture_of_posteriors_at_the_pseudo_inputs():
    built = model()
    z = torch.randn(6, 3)
    components = built.encode(built.prior.inputs)
    peer = MixtureSameFamily(Categorical(torch.ones(COMPONENTS)), components)
    torch.testing.assert_close(built.prior().log_prob(z), peer.log_prob(z))
    torch.testing.assert_close(built.prior().mean, peer.mean)
    torch.testing.assert_close(built.prior().variance, peer.variance)


def test_pseudo_inputs_start_at_training_images():
    built = model()
    start_from(built, train(COMPONENTS))
    assert torch.equal(built.prior.inputs, digits(COMPONENTS).float() / 255)


def test_too_few_training_images_are_rejected():
    with pytest.raises(VaelineError, match=r"prior\.vamp\.components = 20 is too many: .* data set has 5"):
        start_from(model(), train(5))


@torch.no_grad()
def test_with_two_layers_it_mixes_the_upper_posterior():
    built = model(model={"name": "two_layer", "two_layer": {"latent_dim": 2}}).eval()
    start_from(built, train(COMPONENTS))
    z1 = built.posterior(built.encoder(digits(COMPONENTS).float() / 255)).mean
    torch.testing.assert_close(built.prior.inputs, z1)
    expected = built.encode2(z1).log_prob(torch.zeros(2)).logsumexp(0) - torch.tensor(COMPONENTS).log()
    torch.testing.assert_close(built.prior().log_prob(torch.zeros(2)), expected)


def test_gradient_also_reaches_the_encoder():
    built = model()
    (gradient,) = torch.autograd.grad(built.prior().log_prob(torch.ones(3)), built.encoder[1][0].weight)
    assert gradient.any()


def test_other_posteriors_are_rejected():
    with pytest.raises(VaelineError, match=r"prior\.name = 'vamp' needs posterior\.name = 'diagonal'"):
        objective()(model(posterior={"name": "iaf"}), shown(3), 1.0)

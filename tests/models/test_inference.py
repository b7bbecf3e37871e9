import torch
from torch.distributions import Bernoulli, Independent, MultivariateNormal, kl_divergence

from vaeline.models.distributions.gaussians import diagonal_gaussian
from vaeline.models.inference import Inference, Layer

K, B = 4, 3
X = (torch.rand(B, 1, 2, 2) > 0.5).float()


def gaussian(*shape: int):
    return diagonal_gaussian(torch.randn(*shape), torch.rand(*shape) + 0.5)


def inference() -> Inference:
    """Two layers: one whose KL has a closed form, one whose KL has none."""
    q1, q2 = gaussian(B, 2), MultivariateNormal(torch.randn(B, 5), torch.eye(5))
    layers = Layer(q1, gaussian(2), q1.rsample((K,))), Layer(q2, gaussian(5), q2.rsample((K,)))
    return Inference(layers, Independent(Bernoulli(logits=torch.randn(K, B, 1, 2, 2)), 3))


def test_the_kl_terms_of_all_layers_stand_side_by_side_averaged_over_draws():
    seen = inference()
    one, two = seen.layers
    terms = seen.kl_terms()
    assert terms.shape == (B, 2 + 1)
    torch.testing.assert_close(terms[:, :2].sum(1), kl_divergence(one.posterior, one.prior))
    drawn = (two.posterior.log_prob(two.sample) - two.prior.log_prob(two.sample)).mean(0)
    torch.testing.assert_close(terms[:, 2], drawn)


def test_a_log_weight_is_the_joint_over_the_posterior():
    seen = inference()
    expected = torch.zeros(K, B, dtype=torch.float64)
    for k in range(K):
        for b in range(B):
            joint = seen.likelihood.log_prob(X)[k, b].double()
            for layer in seen.layers:
                joint += layer.prior.log_prob(layer.sample[k, b])
                joint -= layer.posterior.log_prob(layer.sample)[k, b]
            expected[k, b] = joint
    torch.testing.assert_close(seen.log_weights(X).double(), expected, rtol=1e-5, atol=1e-5)


def test_the_distortion_is_minus_log_likelihood():
    seen = inference()
    p = seen.likelihood.base_dist.probs
    expected = -torch.where(X.bool(), p, 1 - p).log().sum((-3, -2, -1))
    torch.testing.assert_close(seen.distortion(X), expected)

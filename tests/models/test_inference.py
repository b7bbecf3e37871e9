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


def test_kl_terms_of_all_layers_are_side_by_side_and_averaged_over_draws():
    result = inference()
    first, second = result.layers
    terms = result.kl_terms()
    assert terms.shape == (B, 2 + 1)
    torch.testing.assert_close(terms[:, :2].sum(1), kl_divergence(first.posterior, first.prior))
    drawn = (second.posterior.log_prob(second.sample) - second.prior.log_prob(second.sample)).mean(0)
    torch.testing.assert_close(terms[:, 2], drawn)


def test_a_posterior_variance_is_a_multiple_of_the_priors_where_that_is_known():
    result = inference()
    first, second = result.layers
    assert torch.equal(first.relative_variance(), first.posterior.variance / first.prior.variance)
    assert torch.equal(second.relative_variance(), second.posterior.variance)
    largest = max(first.relative_variance().max(), second.relative_variance().max())
    assert result.max_variance() == largest


def test_a_log_weight_is_the_log_ratio_of_joint_and_posterior():
    result = inference()
    expected = torch.zeros(K, B, dtype=torch.float64)
    for k in range(K):
        for b in range(B):
            joint = result.likelihood.log_prob(X)[k, b].double()
            for layer in result.layers:
                joint += layer.prior.log_prob(layer.sample[k, b])
                joint -= layer.posterior.log_prob(layer.sample)[k, b]
            expected[k, b] = joint
    torch.testing.assert_close(result.log_weights(X).double(), expected, rtol=1e-5, atol=1e-5)


def test_distortion_is_minus_the_log_likelihood():
    result = inference()
    p = result.likelihood.base_dist.probs
    expected = -torch.where(X.bool(), p, 1 - p).log().sum((-3, -2, -1))
    torch.testing.assert_close(result.distortion(X), expected)

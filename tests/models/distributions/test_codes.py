import math

import pytest
import torch

from vaeline.models.distributions.codebook import nearest_codes
from vaeline.models.distributions.codes import Assigned, Coded

CODES, POSITIONS, DIM, B, K = 3, 4, 2, 5, 6
TABLE = torch.randn(CODES, DIM, generator=torch.Generator().manual_seed(0))
# Logits of c_i are a table over the code before it, and at the first position a row of their own.
STEPS = torch.randn(CODES + 1, CODES, generator=torch.Generator().manual_seed(1))


def logits(codes: torch.Tensor) -> torch.Tensor:
    first = torch.full_like(codes[:, :1], CODES)
    return STEPS[torch.cat([first, codes[:, :-1]], 1)]


def choose(uniform: torch.Tensor, temperature: float = 1.0) -> torch.Tensor:
    codes = torch.zeros(uniform.shape, dtype=torch.int64)
    for i in range(POSITIONS):
        heights = (logits(codes)[:, i] / temperature).softmax(-1).cumsum(-1)
        codes[:, i] = (uniform[:, [i]] > heights).sum(-1)
    return codes


def prior() -> Coded:
    return Coded(TABLE, POSITIONS, logits, choose)


def every() -> torch.Tensor:
    """Returns all combinations of codes, [CODES^POSITIONS, POSITIONS]."""
    return torch.cartesian_prod(*[torch.arange(CODES)] * POSITIONS)


def assigned(commitment: float = 0.25) -> Assigned:
    torch.manual_seed(0)
    seen = torch.randn(B, POSITIONS, DIM, requires_grad=True)
    return Assigned(seen, TABLE[nearest_codes(seen, TABLE)[0]], commitment)


def test_draws_are_the_vectors_of_codes_with_a_straight_through_gradient():
    q, weight = assigned(), torch.randn(K, B, POSITIONS * DIM)
    z = q.rsample((K,))
    assert torch.equal(z, q.at.flatten(1).expand(K, -1, -1))
    (z * weight).sum().backward()
    torch.testing.assert_close(q.vectors.grad, weight.sum(0).reshape(q.vectors.shape))
    assert torch.equal(q.sample((2,))[1], q.mean)
    assert not q.variance.any()


def test_the_probability_is_one_at_the_codes_and_zero_elsewhere():
    q = assigned()
    z = q.sample((K,))
    assert torch.equal(q.log_prob(z), torch.zeros(K, B))
    z = z.clone()
    z[1, 2, 0] += 1e-6
    z[3, 4] = TABLE[(nearest_codes(q.vectors[4], TABLE)[0] + 1) % CODES].flatten()
    assert (q.log_prob(z) == -math.inf).nonzero().tolist() == [[1, 2], [3, 4]]


def test_the_gradient_of_log_q_is_that_of_the_commitment_loss():
    q = assigned(0.7)
    (gradient,) = torch.autograd.grad(q.log_prob(q.sample()).mean(), q.vectors)
    loss = 0.7 * (q.vectors - q.at).square().sum((1, 2)).mean()
    torch.testing.assert_close(gradient, torch.autograd.grad(loss, q.vectors)[0])


def test_the_probabilities_of_all_codes_sum_to_one():
    z = TABLE[every()].flatten(1)
    assert z.shape == (CODES**POSITIONS, POSITIONS * DIM)
    torch.testing.assert_close(prior().log_prob(z).exp().sum(), torch.tensor(1.0))


def test_a_term_is_of_a_code_given_those_before_it():
    codes = torch.tensor([[0, 2, 2, 1]])
    by_hand = [STEPS[before].log_softmax(-1)[after] for before, after in ((CODES, 0), (0, 2), (2, 2), (2, 1))]
    torch.testing.assert_close(prior().terms(TABLE[codes].flatten(1))[0], torch.stack(by_hand))


def test_a_z_that_is_not_made_of_codes_has_probability_zero():
    z = TABLE[every()[:3]].flatten(1)
    z[1, 3] += 1e-6
    assert prior().log_prob(z).isinf().tolist() == [False, True, False]


def test_an_expanded_draw_has_the_same_terms_as_a_copied_one():
    """And takes the network once for each example, not for each of its draws."""
    rows = []

    def counted(codes: torch.Tensor) -> torch.Tensor:
        rows.append(len(codes))
        return logits(codes)

    p = Coded(TABLE, POSITIONS, counted, choose)
    expanded = TABLE[every()[:B]].flatten(1).expand(K, -1, -1)
    torch.testing.assert_close(p.terms(expanded), p.terms(expanded.clone()))
    assert rows == [B, K * B]


def test_draws_have_the_frequencies_of_their_probabilities():
    torch.manual_seed(0)
    n = 20_000
    z = prior().sample((n // 4, 4))
    assert z.shape == (n // 4, 4, POSITIONS * DIM)
    p = prior().log_prob(TABLE[every()].flatten(1)).exp()
    base = CODES ** torch.arange(POSITIONS).flip(0)
    codes, distance = nearest_codes(z.reshape(n, POSITIONS, DIM), TABLE)
    assert (distance == 0).all()
    frequency = torch.bincount((codes * base).sum(1), minlength=len(p)) / n
    assert ((frequency - p) / (p * (1 - p) / n).sqrt()).abs().max() < 4.5


@pytest.mark.parametrize("codes", [2, 7])
def test_with_equal_logits_all_codes_are_equally_likely(codes):
    table = torch.randn(codes, DIM)
    uniform = Coded(table, POSITIONS, lambda c: torch.zeros(*c.shape, codes), lambda n: None)
    rate = -uniform.log_prob(table[torch.zeros(1, POSITIONS, dtype=torch.int64)].flatten(1))
    assert rate.item() == pytest.approx(POSITIONS * math.log(codes))

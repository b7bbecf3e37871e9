import math

import numpy as np
import pytest
import torch

from vaeline.models.distributions.codebook import DEAD_SHARE, Codebook, nearest_codes, usage

CODES, DIM = 6, 3


def book(decay: float = 0.9) -> Codebook:
    torch.manual_seed(0)
    return Codebook(CODES, DIM, decay)


def test_the_nearest_code_is_that_of_brute_force():
    vectors, table = torch.randn(4, 5, DIM), torch.randn(CODES, DIM)
    codes, distance = nearest_codes(vectors, table)
    apart = (vectors.double()[:, :, None] - table.double()).norm(dim=-1)
    assert torch.equal(codes, apart.argmin(-1))
    torch.testing.assert_close(distance, apart.amin(-1).float())


def test_what_is_in_the_table_finds_itself_however_near_the_others_are():
    """‖a‖² − 2ab + ‖b‖² could not tell these apart."""
    table = 1000 + torch.arange(CODES)[:, None] * torch.tensor([1e-3, 0, 0])
    codes, distance = nearest_codes(table, table)
    assert torch.equal(codes, torch.arange(CODES))
    assert (distance == 0).all()


def test_it_is_the_moving_average_of_counts_and_sums():
    """van den Oord et al. (2017), appendix A.1, step by step in NumPy."""
    of, n = book(), 40
    counts, sums = np.full(CODES, n / CODES), n / CODES * of.table.double().numpy()
    rng = np.random.default_rng(0)
    for _ in range(5):
        vectors = rng.normal(size=(n, DIM))
        codes = np.concatenate([np.arange(CODES), rng.integers(0, CODES, n - CODES)])
        of.follow(torch.tensor(vectors, dtype=torch.float32), torch.tensor(codes))
        for i in range(CODES):
            counts[i] = 0.9 * counts[i] + 0.1 * (codes == i).sum()
            sums[i] = 0.9 * sums[i] + 0.1 * vectors[codes == i].sum(0)
    np.testing.assert_allclose(of.running_shares.numpy(), counts / n, rtol=1e-5)
    np.testing.assert_allclose(of.table.numpy(), sums / counts[:, None], rtol=1e-4, atol=1e-6)


def test_a_dead_code_starts_anew_at_a_vector_of_the_batch_and_the_others_stay():
    of, vectors = book(), torch.randn(30, DIM)
    others = torch.arange(30) % (CODES - 1)  # the last code is never used
    while of.running_shares[-1] * 0.9 >= DEAD_SHARE / CODES:
        before = of.table[-1]
        of.follow(vectors, others)
        torch.testing.assert_close(of.table[-1], before)
    state = {name: value.clone() for name, value in of.state_dict().items()}
    ends = []
    for _ in range(2):
        of.load_state_dict(state)
        torch.manual_seed(1)
        of.follow(vectors, others)
        ends.append(of.table)
    assert torch.equal(*ends)
    assert nearest_codes(of.table[-1], vectors)[1] < 1e-6
    assert of.running_shares[-1].item() == pytest.approx(1 / CODES)
    of.load_state_dict(state)
    of.running_shares[-1] = 1.0  # alive
    of.follow(vectors, others)
    torch.testing.assert_close(of.table[:-1], ends[0][:-1])


def test_it_starts_at_different_vectors_where_there_are_enough():
    of, vectors = book(), torch.randn(CODES, DIM)
    of.start_at(vectors)
    codes, distance = nearest_codes(vectors, of.table)
    assert distance.max() < 1e-6
    assert len(codes.unique()) == CODES
    assert of.running_shares.tolist() == pytest.approx([1 / CODES] * CODES)
    of.start_at(vectors[:2])
    assert nearest_codes(of.table, vectors[:2])[1].max() < 1e-6


@pytest.mark.parametrize(
    ("codes", "perplexity", "used"),
    [
        ([3, 3, 3], 1.0, 1 / CODES),
        (list(range(CODES)) * 4, CODES, 1.0),
        ([0, 0, 1, 2], 2**1.5, 3 / CODES),
    ],
)
def test_perplexity_and_use_where_they_are_known(codes, perplexity, used):
    found = usage(torch.tensor(codes).reshape(-1, 1), CODES)
    assert found == pytest.approx((perplexity, used))
    assert math.isfinite(found[0])

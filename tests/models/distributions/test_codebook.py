import math

import numpy as np
import pytest
import torch

from vaeline.models.distributions.codebook import DEAD_SHARE, Codebook, nearest_codes, usage

CODES, DIM = 6, 3


def new_codebook(decay: float = 0.9) -> Codebook:
    torch.manual_seed(0)
    return Codebook(CODES, DIM, decay)


def test_the_nearest_code_agrees_with_brute_force():
    vectors, table = torch.randn(4, 5, DIM), torch.randn(CODES, DIM)
    codes, distance = nearest_codes(vectors, table)
    distances = (vectors.double()[:, :, None] - table.double()).norm(dim=-1)
    assert torch.equal(codes, distances.argmin(-1))
    torch.testing.assert_close(distance, distances.amin(-1).float())


def test_a_row_of_the_table_is_its_own_nearest_code_however_near_the_rest():
    """‖a‖² − 2ab + ‖b‖² could not tell these apart."""
    table = 1000 + torch.arange(CODES)[:, None] * torch.tensor([1e-3, 0, 0])
    codes, distance = nearest_codes(table, table)
    assert torch.equal(codes, torch.arange(CODES))
    assert (distance == 0).all()


def test_the_codebook_is_the_moving_average_of_counts_and_sums():
    """van den Oord et al. (2017), appendix A.1, step by step in NumPy."""
    codebook, n = new_codebook(), 40
    counts, sums = np.full(CODES, n / CODES), n / CODES * codebook.table.double().numpy()
    rng = np.random.default_rng(0)
    for _ in range(5):
        vectors = rng.normal(size=(n, DIM))
        codes = np.concatenate([np.arange(CODES), rng.integers(0, CODES, n - CODES)])
        codebook.follow(torch.tensor(vectors, dtype=torch.float32), torch.tensor(codes))
        for i in range(CODES):
            counts[i] = 0.9 * counts[i] + 0.1 * (codes == i).sum()
            sums[i] = 0.9 * sums[i] + 0.1 * vectors[codes == i].sum(0)
    np.testing.assert_allclose(codebook.running_shares.numpy(), counts / n, rtol=1e-5)
    np.testing.assert_allclose(codebook.table.numpy(), sums / counts[:, None], rtol=1e-4, atol=1e-6)


def test_a_dead_code_restarts_at_a_vector_of_the_batch_and_the_others_stay():
    codebook, vectors = new_codebook(), torch.randn(30, DIM)
    others = torch.arange(30) % (CODES - 1)  # the last code is never used
    while codebook.running_shares[-1] * 0.9 >= DEAD_SHARE / CODES:
        before = codebook.table[-1]
        codebook.follow(vectors, others)
        torch.testing.assert_close(codebook.table[-1], before)
    state = {name: value.clone() for name, value in codebook.state_dict().items()}
    ends = []
    for _ in range(2):
        codebook.load_state_dict(state)
        torch.manual_seed(1)
        codebook.follow(vectors, others)
        ends.append(codebook.table)
    assert torch.equal(*ends)
    assert nearest_codes(codebook.table[-1], vectors)[1] < 1e-6
    assert codebook.running_shares[-1].item() == pytest.approx(1 / CODES)
    codebook.load_state_dict(state)
    codebook.running_shares[-1] = 1.0  # alive
    codebook.follow(vectors, others)
    torch.testing.assert_close(codebook.table[:-1], ends[0][:-1])


def test_the_codebook_starts_at_different_vectors_if_there_are_enough():
    codebook, vectors = new_codebook(), torch.randn(CODES, DIM)
    codebook.start_at(vectors)
    codes, distance = nearest_codes(vectors, codebook.table)
    assert distance.max() < 1e-6
    assert len(codes.unique()) == CODES
    assert codebook.running_shares.tolist() == pytest.approx([1 / CODES] * CODES)
    codebook.start_at(vectors[:2])
    assert nearest_codes(codebook.table, vectors[:2])[1].max() < 1e-6


@pytest.mark.parametrize(
    ("codes", "perplexity", "used"),
    [
        ([3, 3, 3], 1.0, 1 / CODES),
        (list(range(CODES)) * 4, CODES, 1.0),
        ([0, 0, 1, 2], 2**1.5, 3 / CODES),
    ],
)
def test_perplexity_and_use_of_codes_agree_with_values_by_hand(codes, perplexity, used):
    result = usage(torch.tensor(codes).reshape(-1, 1), CODES)
    assert result == pytest.approx((perplexity, used))
    assert math.isfinite(result[0])

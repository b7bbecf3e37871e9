"""Which rows of a minibatch are whose."""

import pytest
import torch

from vaeline.training.sharing import PARTS, Share, batch_mean

TOTALS = (1, 2, 5, 8, 20, 101, 128)


@pytest.mark.parametrize("total", TOTALS)
@pytest.mark.parametrize("size", [*range(1, PARTS + 1), 12, 37])
def test_shares_are_consecutive_and_cover_the_minibatch_or_each_is_all_of_it(total, size):
    shares = [Share.of_process(total, rank, size) for rank in range(size)]
    rows = [list(range(total))[share.rows] for share in shares]
    assert all(len(mine) == share.count > 0 for mine, share in zip(rows, shares, strict=True))
    if rows[0] == list(range(total)):
        assert [share.weight for share in shares] == [1 / size] * size
    else:
        assert [row for mine in rows for row in mine] == list(range(total))
        assert [share.weight for share in shares] == [len(mine) / total for mine in rows]
    assert sum(share.weight for share in shares) == pytest.approx(1)


@pytest.mark.parametrize("size", [1, 2, 4, 8, 16, 32])
def test_shares_are_as_even_as_the_parts(size):
    rows = [Share.of_process(128, rank, size).count for rank in range(size)]
    assert rows == [128 // size] * size


def test_one_process_has_all(monkeypatch):
    monkeypatch.delenv("RANK", raising=False)
    assert Share.mine(20) == Share.whole(20)
    assert Share.whole(20).rows == slice(0, 20)


def test_a_process_finds_its_share_by_what_its_launcher_tells_it(monkeypatch):
    for name, value in {"WORLD_SIZE": "4", "RANK": "3"}.items():
        monkeypatch.setenv(name, value)
    assert Share.mine(128).rows == slice(96, 128)


def test_the_mean_over_a_minibatch_of_one_process_is_that_of_its_rows():
    values = torch.randn(6, 3, requires_grad=True)
    torch.testing.assert_close(batch_mean(values), values.mean(0))
    (gradient,) = torch.autograd.grad(batch_mean(values).sum(), values)
    torch.testing.assert_close(gradient, torch.full((6, 3), 1 / 6))

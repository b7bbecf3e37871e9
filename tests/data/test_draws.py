"""Random numbers for the rows of a batch: their distributions, and whose they are."""

import pytest
import torch
from scipy.stats import kstest

from vaeline.data.draws import Draws

ROWS = 12
METHODS = {
    "uniform": lambda draws, rows: draws.uniform((rows, 3, 5)),
    "integers": lambda draws, rows: draws.integers(7, (rows, 2)),
    "words": lambda draws, rows: draws.words((rows, 3, 5)),
    "noise": lambda draws, rows: draws.noise((1, rows, 5), torch.empty(0)).transpose(0, 1),
    "several draws": lambda draws, rows: draws.noise((3, rows, 5), torch.empty(0)).transpose(0, 1),
}


def generators(count: int) -> list[torch.Generator]:
    return [torch.Generator().manual_seed(seed) for seed in range(count)]


@pytest.mark.parametrize("name", list(METHODS))
def test_each_generator_draws_for_its_own_rows(name):
    method, sizes = METHODS[name], [3, 0, 4, 5]
    whole = method(Draws(generators(4), sizes), ROWS)
    parts = [method(Draws([g], [n]), n) for g, n in zip(generators(4), sizes, strict=True)]
    assert torch.equal(whole, torch.cat(parts))
    assert len(whole.flatten(1).unique(dim=0)) > ROWS / 2


@pytest.mark.parametrize("name", list(METHODS))
def test_a_seed_fixes_the_numbers_and_each_call_draws_others(name):
    first, again, other = (METHODS[name](Draws.of_seed(seed, 200), 200) for seed in (1, 1, 2))
    assert torch.equal(first, again)
    assert not torch.equal(first, other)
    draws = Draws.of_seed(1, 200)
    assert not torch.equal(METHODS[name](draws, 200), METHODS[name](draws, 200))


def test_uniform_numbers_are_those_of_torch():
    expected = torch.rand(4, 3, generator=torch.Generator().manual_seed(5))
    assert torch.equal(Draws.of_seed(5, 4).uniform((4, 3)), expected)


def test_noise_is_standard_normal_of_the_dtype_that_is_asked_for():
    noise = Draws.of_seed(0, 500).noise((2, 500, 20), torch.empty(0, dtype=torch.float64))
    assert noise.shape == (2, 500, 20)
    assert noise.dtype == torch.float64
    assert noise.is_contiguous()
    assert kstest(noise.flatten().numpy(), "norm").pvalue > 0.01


def test_words_and_integers_take_every_value_equally_often():
    words = Draws.of_seed(0, 1000).words((1000, 1, 7, 9)).flatten().long() + 2**15
    assert words.min() < 100
    assert words.max() > 2**16 - 100
    assert kstest((words / 2**16).numpy(), "uniform").pvalue > 0.01
    counts = torch.bincount(Draws.of_seed(0, 7000).integers(7, (7000,)), minlength=7)
    assert len(counts) == 7
    assert (counts - 1000).abs().max() < 4.5 * (1000 * 6 / 7) ** 0.5

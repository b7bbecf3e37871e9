"""The random numbers of a training: the same for any number of processes, and without any pattern."""

import pytest
import torch
from scipy.stats import kstest

from vaeline.training.sharing import PARTS, Share
from vaeline.training.steps.noise import TrainingNoise, step_seeds

CPU = torch.device("cpu")
KIND = torch.empty(0)


def drawn(noise: TrainingNoise, step: int, share: Share) -> list[torch.Tensor]:
    """Returns all that a training draws for a minibatch, rows first."""
    draws, rows = noise.draws(step, share), share.count
    return [
        draws.uniform((rows,)),
        draws.integers(5, (rows, 2)),
        draws.words((rows, 1, 4, 4)),
        draws.noise((1, rows, 6), KIND)[0],
        draws.noise((3, rows, 2), KIND).transpose(0, 1),
    ]


@pytest.mark.parametrize("total", [9, 20, 101, 128])
@pytest.mark.parametrize("size", [*range(1, PARTS + 1), 12])
def test_any_number_of_processes_draws_the_same_noise_for_the_same_rows(total, size):
    whole = drawn(TrainingNoise(3, CPU), 7, Share.whole(total))
    for rank in range(size):
        share = Share.of_process(total, rank, size)
        for mine, all_rows in zip(drawn(TrainingNoise(3, CPU), 7, share), whole, strict=True):
            assert torch.equal(mine, all_rows[share.rows])


def test_a_process_draws_for_its_own_parts_alone():
    noise = TrainingNoise(3, CPU)
    before = [generator.get_state() for generator in noise.generators]
    drawn(noise, 0, Share.of_process(128, 1, 4))
    changed = [
        not torch.equal(generator.get_state(), state)
        for generator, state in zip(noise.generators, before, strict=True)
    ]
    assert [number for number, moved in enumerate(changed) if moved] == [2, 3]


def test_noise_is_a_function_of_seed_and_step_alone():
    noise, other = TrainingNoise(3, CPU), TrainingNoise(4, CPU)
    share = Share.whole(16)
    steps = {step: noise.draws(step, share).noise((1, 16, 4), KIND) for step in (0, 1, 1023, 1024)}
    torch.manual_seed(99)
    for step in reversed(steps):
        assert torch.equal(TrainingNoise(3, CPU).draws(step, share).noise((1, 16, 4), KIND), steps[step])
        assert not torch.equal(other.draws(step, share).noise((1, 16, 4), KIND), steps[step])
    assert len({value.sum().item() for value in steps.values()}) == len(steps)


def test_parts_and_steps_are_standard_normal_and_uncorrelated():
    """Each row is one part of one step; r√n of two independent ones is standard normal as well."""
    numbers, noise = 2000, TrainingNoise(0, CPU)
    rows = torch.stack(
        [noise.draws(step, Share.whole(PARTS)).noise((1, PARTS, numbers), KIND)[0] for step in range(25)]
    ).flatten(0, 1)  # [200, numbers]
    assert kstest(rows.flatten().numpy(), "norm").pvalue > 0.01
    assert kstest((rows.mean(1) * numbers**0.5).numpy(), "norm").pvalue > 0.01
    assert (rows.var(1) - 1).abs().max() < 4.5 * (2 / numbers) ** 0.5
    above = torch.ones(len(rows), len(rows)).triu(1).bool()
    correlations = rows.corrcoef()[above] * numbers**0.5
    assert kstest(correlations.numpy(), "norm").pvalue > 0.01
    assert correlations.abs().max() < 5.5


@pytest.mark.parametrize("seed", [0, 1, 42, 2**63 - 1])
def test_no_two_streams_of_a_training_share_a_seed_of_32_bits(seed):
    """A CPU's generator takes no more of it; a training of 20,000 steps would otherwise share dozens."""
    seeds = torch.tensor([[value % 2**32 for value in step_seeds(seed, step)] for step in range(20_000)])
    assert len(seeds.unique()) == seeds.numel()
    assert kstest((seeds.flatten() / 2**32).numpy(), "uniform").pvalue > 0.01


def test_seeds_near_each_other_share_no_stream():
    """Neither at the same step nor at another one."""
    first, second = ({value for step in range(2000) for value in step_seeds(seed, step)} for seed in (0, 1))
    assert not first & second


def test_each_epoch_has_an_order_of_its_own_and_every_process_the_same():
    noise = TrainingNoise(3, CPU)
    first, second = (noise.order(step, 1000) for step in (0, 8))
    assert not torch.equal(first, second)
    assert first.sort().values.tolist() == second.sort().values.tolist() == list(range(1000))
    assert torch.equal(TrainingNoise(3, CPU).order(8, 1000), second)
    assert not torch.equal(TrainingNoise(4, CPU).order(8, 1000), second)
    fixed = (first == torch.arange(1000)).sum() + (second == first).sum()
    assert fixed < 12  # two permutations agree in one place on average

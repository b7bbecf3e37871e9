import contextlib
import os
import random

import numpy as np
import pytest
import torch

from vaeline.runtime.seeding import own_noise, rng_state, set_rng_state, set_seed


def draws() -> tuple:
    return random.random(), np.random.normal(), torch.randn(3).tolist()


@pytest.mark.parametrize("seed", [0, 42, 2**32, 2**63 - 1])
def test_a_seed_fixes_what_python_numpy_and_torch_draw(seed):
    set_seed(seed)
    first = draws()
    set_seed(seed)
    assert draws() == first


def test_another_seed_gives_other_draws_everywhere():
    set_seed(1)
    first = draws()
    set_seed(2)
    assert all(one != other for one, other in zip(first, draws(), strict=True))


def test_only_deterministic_algorithms_are_allowed_and_cublas_has_its_workspace():
    set_seed(0)
    assert torch.are_deterministic_algorithms_enabled()
    assert not torch.is_deterministic_algorithms_warn_only_enabled()
    assert not torch.backends.cudnn.benchmark
    assert os.environ["CUBLAS_WORKSPACE_CONFIG"] in (":4096:8", ":16:8")


def test_own_noise_is_that_of_its_seed_and_changes_no_other_draw():
    torch.manual_seed(1)
    expected = torch.randn(4)
    torch.manual_seed(1)
    with own_noise(7):
        inside = torch.randn(4)
    assert torch.equal(torch.randn(4), expected)
    torch.manual_seed(7)
    assert torch.equal(torch.randn(4), inside)


def test_own_noise_puts_the_generator_back_after_an_error():
    before = torch.get_rng_state()
    with contextlib.suppress(ValueError), own_noise(7):
        torch.randn(4)
        raise ValueError
    assert torch.equal(torch.get_rng_state(), before)


def test_the_state_of_torchs_generator_goes_through_a_checkpoint(tmp_path):
    set_seed(3)
    torch.randn(3)
    torch.save(rng_state(), tmp_path / "state.pt")
    expected = torch.randn(3)
    set_seed(4)
    set_rng_state(torch.load(tmp_path / "state.pt", weights_only=True))
    assert torch.equal(torch.randn(3), expected)


def test_what_libraries_draw_from_python_and_numpy_does_not_change_a_checkpoint():
    set_seed(3)
    before = rng_state()
    random.random(), np.random.normal()
    after = rng_state()
    assert torch.equal(before["torch"], after["torch"])
    assert before.keys() == after.keys() == {"torch", "cuda"}

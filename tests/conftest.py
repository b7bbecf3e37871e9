"""What every test starts from: a fixed seed, and torch as it was before the test."""

import os
from collections.abc import Iterator
from pathlib import Path

import pytest

os.environ.setdefault("GOMP_SPINCOUNT", "2000")  # see stages/__init__.py

import torch

ROOT = Path(__file__).parents[1]


@pytest.fixture(autouse=True)
def _same_noise_whatever_ran_before() -> Iterator[None]:
    torch.manual_seed(0)
    mode = torch.get_deterministic_debug_mode()
    fill = torch.utils.deterministic.fill_uninitialized_memory
    yield
    torch.set_deterministic_debug_mode(mode)
    torch.utils.deterministic.fill_uninitialized_memory = fill


@pytest.fixture
def at_the_root(monkeypatch) -> Path:
    """Runs the test in the repository's root, as DVC runs a stage."""
    monkeypatch.chdir(ROOT)
    return ROOT


@pytest.fixture
def full_disk(monkeypatch, tmp_path) -> None:
    """Makes every file that vaeline.files opens one that has no space left, by the kernel's own word."""
    if not Path("/dev/full").exists():
        pytest.skip("this system has no /dev/full")
    numbers = iter(range(1000))

    def without_space(**_: object) -> tuple[int, str]:
        link = tmp_path / f"no_space_{next(numbers)}"
        link.symlink_to("/dev/full")
        return os.open(link, os.O_WRONLY), str(link)

    monkeypatch.setattr("vaeline.files.tempfile.mkstemp", without_space)


@pytest.fixture
def committed(tmp_path, monkeypatch) -> None:
    """Runs the test in a small repository, with the results of a run committed."""
    from tests.committed import results  # imports torch

    monkeypatch.chdir(tmp_path)
    results()

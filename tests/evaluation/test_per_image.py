"""The bound of each image in a file: exact to the step it is rounded to, the same bytes, small."""

import numpy as np
import pytest
import torch

from vaeline.core.errors import DamagedFileError
from vaeline.evaluation.per_image import read_bounds, write_bounds

BOUNDS = -torch.distributions.Gamma(14.0, 0.16).sample((10_000,)).double()


def test_bounds_are_read_to_half_a_step_of_a_256th_of_a_nat(tmp_path):
    write_bounds(tmp_path / "bounds.npz", BOUNDS)
    read = read_bounds(tmp_path / "bounds.npz")
    assert (read - BOUNDS).abs().max() <= 1 / 512
    assert (read - BOUNDS).mean().abs() < 1e-4
    assert torch.equal(read * 256, (read * 256).round())


def test_equal_bounds_are_equal_bytes_of_less_than_40_kilobytes(tmp_path):
    for name in ("one.npz", "two.npz"):
        write_bounds(tmp_path / name, BOUNDS)
    content = (tmp_path / "one.npz").read_bytes()
    assert content == (tmp_path / "two.npz").read_bytes()
    assert len(content) < 40_000


@pytest.mark.parametrize(
    "arrays",
    [{"other": np.zeros(3)}, {"iwae": np.zeros((3, 2))}, {"iwae": np.array([np.nan, 1.0])}, {"iwae": np.array(["a"])}],
)  # fmt: skip
def test_other_arrays_are_refused(tmp_path, arrays):
    np.savez(tmp_path / "bounds.npz", **arrays)
    with pytest.raises(DamagedFileError, match=r"bounds\.npz: damaged, "):
        read_bounds(tmp_path / "bounds.npz")


@pytest.mark.parametrize("content", [b"", b"PK\x03\x04 half of a file", b"no archive at all"])
def test_damaged_file_is_named(tmp_path, content):
    (tmp_path / "bounds.npz").write_bytes(content)
    with pytest.raises(DamagedFileError, match=r"bounds\.npz: damaged, no bounds of images"):
        read_bounds(tmp_path / "bounds.npz")

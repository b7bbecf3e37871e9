import errno
from pathlib import Path

import pytest
import torch

from vaeline.data import joined as module
from vaeline.data.joined import joined

SHAPE = (6, 1, 4, 4)
PIECES = torch.rand(SHAPE).split(4)


def of_file(tensor):
    """Whether the memory of a tensor is that of a file without a name."""
    address = tensor.data_ptr()
    for line in Path("/proc/self/maps").read_text().splitlines():
        bounds, *_ = line.split()
        start, end = (int(bound, 16) for bound in bounds.split("-"))
        if start <= address < end:
            return line.rstrip().endswith("(deleted)")
    return False


@pytest.mark.parametrize(("most", "in_file"), [(6 * 16 * 4, False), (6 * 16 * 4 - 1, True)])
def test_pieces_are_joined_in_memory_or_else_in_a_file(monkeypatch, tmp_path, most, in_file):
    monkeypatch.setattr(module, "IN_MEMORY", most)
    monkeypatch.setenv("TMPDIR", str(tmp_path))
    whole = joined(iter(PIECES), SHAPE, torch.float32)
    assert torch.equal(whole, torch.cat(PIECES))
    assert of_file(whole) == in_file
    assert list(tmp_path.iterdir()) == []


def test_a_full_disk_is_named(monkeypatch, tmp_path):
    monkeypatch.setattr(module, "IN_MEMORY", 0)
    monkeypatch.setenv("TMPDIR", str(tmp_path))

    def pieces():
        yield PIECES[0]
        raise OSError(errno.ENOSPC, "No space left on device")

    with pytest.raises(OSError, match="No space left") as raised:
        joined(pieces(), SHAPE, torch.float32)
    assert raised.value.filename == str(tmp_path)

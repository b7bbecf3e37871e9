import contextlib
import errno
import json
import math
import os
from pathlib import Path

import numpy as np
import pandas as pd
import pytest
import torch

from vaeline.core.errors import DamagedFileError, warn_once
from vaeline.core.files import (
    link_or_copy,
    read_json,
    read_numbers,
    replacing,
    write_csv,
    write_figure,
    write_json,
    write_tensors,
    write_text,
)
from vaeline.reporting.plots.style import figure


def small_plot():
    fig = figure(2.0, 2.0)
    fig.add_subplot().plot([1, 2], [3, 4])
    return fig


WRITERS = {
    "text": lambda path: write_text(path, "new"),
    "json": lambda path: write_json(path, {"a": 1}),
    "tensors": lambda path: write_tensors(path, {"a": torch.zeros(3)}),
    "csv": lambda path: write_csv(path, pd.DataFrame({"a": [1]})),
}


def test_written_json_and_csv_read_back_equal(tmp_path):
    values = {"b": 1.5, "a": "ä", "n": 3}
    write_json(tmp_path / "deep" / "er" / "m.json", values)
    assert read_json(tmp_path / "deep" / "er" / "m.json") == values
    write_csv(tmp_path / "t.csv", pd.DataFrame({"x": [0.1, 1 / 3], "y": [1, 2]}))
    assert (tmp_path / "t.csv").read_text().splitlines()[0] == "x,y"
    assert pd.read_csv(tmp_path / "t.csv")["x"].tolist() == [0.1, 1 / 3]


NUMBERS = "epoch,loss,valid\n1,0.5,\n2,0.25,0.75\n"


def test_table_of_numbers_is_read_as_it_was_written(tmp_path):
    (tmp_path / "t.csv").write_text(NUMBERS)
    table = read_numbers(tmp_path / "t.csv", ["epoch", "loss"], gaps=["valid"])
    pd.testing.assert_frame_equal(table, pd.read_csv(tmp_path / "t.csv"))


@pytest.mark.parametrize(
    ("content", "reason"),
    [
        (b"", "no table of numbers"),
        (b"\xff\xfe\x00", "no table of numbers"),
        (NUMBERS.replace("0.25", "0.2x").encode(), "no table of numbers"),
        (NUMBERS.replace("0.25", "").encode(), "no 'loss' in each row"),
        (NUMBERS.replace("loss", "lass").encode(), "no 'loss' in each row"),
        (NUMBERS.replace("valid", "valie").encode(), "no 'valid' in each row"),
        (NUMBERS[:-6].encode(), "line 3 is not as long as the first"),
        (NUMBERS[:17].encode(), "no rows"),
    ],
)
def test_damaged_table_is_one_line_that_says_how_to_restore_it(tmp_path, content, reason):
    (tmp_path / "t.csv").write_bytes(content)
    with pytest.raises(DamagedFileError) as raised:
        read_numbers(tmp_path / "t.csv", ["epoch", "loss"], gaps=["valid"])
    assert reason in raised.value.fault
    assert "\n" not in str(raised.value)
    assert raised.value.path == tmp_path / "t.csv"


def test_json_is_sorted_and_ends_with_a_newline(tmp_path):
    for values in ({"b": 1, "a": 2}, {"a": 2, "b": 1}):
        write_json(tmp_path / "m.json", values)
        assert (tmp_path / "m.json").read_text() == '{\n  "a": 2,\n  "b": 1\n}\n'


@pytest.mark.parametrize("value", [math.nan, math.inf])
def test_json_rejects_nan_and_infinity_and_keeps_the_old_file(tmp_path, value):
    write_json(tmp_path / "m.json", {"a": 1})
    with pytest.raises(ValueError, match="JSON"):
        write_json(tmp_path / "m.json", {"a": value})
    assert json.loads((tmp_path / "m.json").read_text()) == {"a": 1}


@pytest.mark.parametrize("error", [ValueError("no"), KeyboardInterrupt(), OSError(errno.EIO, "no")])
def test_a_failure_keeps_the_old_file_and_leaves_no_temporary_one(tmp_path, error):
    path = tmp_path / "kept.txt"
    path.write_text("old")
    with contextlib.suppress(type(error)), replacing(path) as temporary:
        temporary.write_text("half of the new")
        raise error
    assert path.read_text() == "old"
    assert list(tmp_path.iterdir()) == [path]


def test_until_the_block_ends_a_reader_sees_the_old_file(tmp_path):
    path = tmp_path / "read.txt"
    path.write_text("old")
    with replacing(path) as temporary:
        temporary.write_text("new")
        assert path.read_text() == "old"
        assert temporary.parent == path.parent  # on the same disk, so that the move is one step
        assert temporary.suffix == path.suffix
    assert path.read_text() == "new"


def test_a_reader_that_has_the_old_file_open_continues_to_read_it(tmp_path):
    path = tmp_path / "read.txt"
    write_text(path, "old and long")
    with path.open("rb", buffering=0) as reader:
        assert reader.read(3) == b"old"
        write_text(path, "new")
        assert reader.read() == b" and long"


def test_written_files_are_readable_by_everyone(tmp_path):
    write_text(tmp_path / "shared.txt", "x")
    assert (tmp_path / "shared.txt").stat().st_mode & 0o777 == 0o644


@pytest.mark.parametrize("kind", WRITERS)
def test_error_for_a_full_disk_names_the_file_and_keeps_the_old_one(tmp_path, kind, full_disk):
    path = tmp_path / "outputs" / "file"
    path.parent.mkdir()
    path.write_text("old")
    with pytest.raises(OSError, match="No space left") as caught:
        WRITERS[kind](path)
    assert caught.value.errno == errno.ENOSPC
    assert Path(caught.value.filename) == path
    assert path.read_text() == "old"


def test_equal_tensors_give_equal_bytes_under_any_name(tmp_path):
    content = {"weight": torch.arange(5.0), "epoch": 3, "shape": (1, 8)}
    for name in ("best.pt", "another_name.pt"):
        write_tensors(tmp_path / name, content)
    assert (tmp_path / "best.pt").read_bytes() == (tmp_path / "another_name.pt").read_bytes()
    read = torch.load(tmp_path / "best.pt", weights_only=True)
    assert torch.equal(read.pop("weight"), content["weight"])
    assert read == {"epoch": 3, "shape": (1, 8)}


def test_equal_figures_give_equal_bytes(tmp_path):
    for name in ("first.png", "second.png"):
        write_figure(tmp_path / name, small_plot())
    first, second = ((tmp_path / name).read_bytes() for name in ("first.png", "second.png"))
    assert first == second
    assert first.startswith(b"\x89PNG")
    assert np.frombuffer(first, np.uint8).size > 1000


def refusing(monkeypatch, name: str, code: int) -> None:
    """Has a system call fail as on a file system that lacks it."""

    def refuse(*_: object, **__: object) -> None:
        raise OSError(code, os.strerror(code))

    monkeypatch.setattr(os, name, refuse)


@pytest.mark.parametrize(
    ("call", "code"),
    [("chmod", errno.EPERM), ("chmod", errno.EOPNOTSUPP), ("fsync", errno.EINVAL), ("fsync", errno.ENOSYS)],
)
def test_a_file_is_written_where_there_are_no_modes_and_no_fsync(tmp_path, monkeypatch, call, code):
    refusing(monkeypatch, call, code)
    write_text(tmp_path / "m.txt", "new")
    assert (tmp_path / "m.txt").read_text() == "new"
    assert [path.name for path in tmp_path.iterdir()] == ["m.txt"]


def test_a_disk_that_fails_to_store_a_file_keeps_the_old_one(tmp_path, monkeypatch):
    (tmp_path / "m.txt").write_text("old")
    refusing(monkeypatch, "fsync", errno.EIO)
    with pytest.raises(OSError, match="Input/output"):
        write_text(tmp_path / "m.txt", "new")
    assert (tmp_path / "m.txt").read_text() == "old"


def test_a_linked_file_has_two_names_and_replaces_what_was_there(tmp_path):
    state, target = tmp_path / "state.pt", tmp_path / "deep" / "best.pt"
    target.parent.mkdir()
    target.write_text("old")
    state.write_text("new")
    link_or_copy(state, target)
    assert target.samefile(state)
    state.unlink()
    assert target.read_text() == "new"


@pytest.mark.parametrize("code", [errno.EPERM, errno.EOPNOTSUPP, errno.ENOSYS, errno.EMLINK, errno.EXDEV])
def test_without_hard_links_a_file_is_copied_and_that_is_said_once(tmp_path, monkeypatch, capsys, code):
    warn_once.cache_clear()
    state = tmp_path / "state.pt"
    state.write_text("new")
    refusing(monkeypatch, "link", code)
    for name in ("best.pt", "last.pt"):
        link_or_copy(state, tmp_path / name)
        assert (tmp_path / name).read_text() == "new"
    assert sorted(path.name for path in tmp_path.iterdir()) == ["best.pt", "last.pt", "state.pt"]
    assert capsys.readouterr().err.splitlines() == [
        f"{tmp_path}: no hard links here ({os.strerror(code)}): checkpoints are copied instead"
    ]


def test_a_link_that_fails_for_another_reason_keeps_the_old_file(tmp_path, monkeypatch):
    (tmp_path / "state.pt").write_text("new")
    (tmp_path / "best.pt").write_text("old")
    refusing(monkeypatch, "link", errno.ENOSPC)
    with pytest.raises(OSError, match="No space left"):
        link_or_copy(tmp_path / "state.pt", tmp_path / "best.pt")
    assert (tmp_path / "best.pt").read_text() == "old"

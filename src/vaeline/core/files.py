"""Atomic writing of files: a reader never sees half of one, and a full disk leaves the old one intact.

Not every file system has all that a Linux disk has. What exFAT, a network share or FUSE lacks (modes, hard
links, fsync) is done without.
"""

import contextlib
import csv
import errno
import glob
import io
import json
import os
import shutil
import tempfile
import zipfile
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

from vaeline.core.errors import DamagedFileError, warn_once

if TYPE_CHECKING:  # importing them takes half a second, which stages without tables or pictures save
    from matplotlib.figure import Figure
    from pandas import DataFrame


# What a system call answers that the file system does not have; EPERM is that of link and chmod on exFAT.
NOT_SUPPORTED = (errno.EPERM, errno.EACCES, errno.ENOSYS, errno.EOPNOTSUPP, errno.EINVAL)
# The disk is full, or the user's share of it.
DISK_FULL = (errno.ENOSPC, errno.EDQUOT)
RESTORE = "`dvc checkout` or `dvc repro`"


@contextlib.contextmanager
def replacing(path: Path | str, durable: bool = True) -> Iterator[Path]:
    """Yields a temporary path beside `path`, which replaces it if the block ends without an error.

    If `durable`, it waits until the disk has the content. That can take seconds, and is only for a failure of
    the power: a reader never finds half a file.
    """
    path = Path(path)
    path.parent.mkdir(parents=True, exist_ok=True)
    handle, name = tempfile.mkstemp(dir=path.parent, prefix=f".{path.name}.", suffix=path.suffix)
    os.close(handle)
    temporary = Path(name)
    try:
        yield temporary
        if durable:
            with temporary.open("rb") as written, _where_supported():
                os.fsync(written.fileno())
        with _where_supported():
            temporary.chmod(0o644)
        temporary.replace(path)
    except OSError as error:
        if error.errno in DISK_FULL and error.filename is None:
            error.filename = str(path)  # a failed write does not say where it wrote
        raise
    finally:
        temporary.unlink(missing_ok=True)


def unfinished_files(path: Path) -> list[Path]:
    """Returns the temporary files beside `path` of processes that were killed while they wrote it."""
    return list(path.parent.glob(f".{glob.escape(path.name)}.*"))


@contextlib.contextmanager
def _where_supported() -> Iterator[None]:
    try:
        yield
    except OSError as error:
        if error.errno not in NOT_SUPPORTED:
            raise


def link_or_copy(source: Path, target: Path) -> None:
    """Gives the file `source` another name, in place of what `target` is.

    Where the file system has no hard links, it says so once, and `target` is a copy.
    """
    fresh = target.with_name(f".{target.name}")
    fresh.unlink(missing_ok=True)
    try:
        os.link(source, fresh)
    except OSError as error:
        if error.errno not in (*NOT_SUPPORTED, errno.EMLINK, errno.EXDEV):
            raise
        warn_once(f"{source.parent}: no hard links here ({error.strerror}): checkpoints are copied instead")
        shutil.copyfile(source, fresh)
        with fresh.open("rb") as written, _where_supported():
            os.fsync(written.fileno())
    fresh.replace(target)


def write_text(path: Path | str, text: str, durable: bool = True) -> None:
    """Writes `text` atomically, see `replacing`."""
    with replacing(path, durable) as temporary:
        temporary.write_text(text)


def write_json(path: Path | str, values: Mapping[str, Any] | Sequence[Any], durable: bool = True) -> None:
    """Writes `values` as sorted JSON; raises ValueError for NaN and infinity, which JSON cannot hold."""
    write_text(path, json.dumps(values, indent=2, sort_keys=True, allow_nan=False) + "\n", durable)


def read_json(path: Path | str) -> dict[str, Any]:
    """Returns the mapping in a JSON file; raises VaelineError for anything else."""
    try:
        values = json.loads(Path(path).read_text())
    except (ValueError, RecursionError) as error:
        raise DamagedFileError(path, f"damaged, not readable as JSON ({error})", RESTORE) from None
    if not isinstance(values, dict):
        raise DamagedFileError(path, f"damaged, it holds a {type(values).__name__}", RESTORE)
    return values


def write_tensors(path: Path | str, content: Mapping[str, Any]) -> None:
    """Writes `content` as torch.save does, atomically; equal contents give equal bytes."""
    # Given a path, torch would write the temporary name into the file; given an open file, it would raise an
    # error of its own, not OSError, on a full disk.
    import torch

    buffer = io.BytesIO()
    torch.save(content, buffer)
    with replacing(path) as temporary:
        temporary.write_bytes(buffer.getbuffer())


def read_tensors(path: Path | str) -> Any:
    """Returns what `write_tensors` wrote, on the CPU.

    Raises:
        FileNotFoundError: if there is no such file.
        Exception: of any type, if it is damaged. torch.load itself compares no checksums, and returns weights
            of which a bit has flipped.
    """
    import torch

    with zipfile.ZipFile(path) as archive:
        if damaged := archive.testzip():
            raise zipfile.BadZipFile(f"checksum of {damaged}")
    return torch.load(path, map_location="cpu", weights_only=True)


def write_csv(path: Path | str, table: "DataFrame", durable: bool = True) -> None:
    """Writes the columns of a table, without its index."""
    write_text(path, table.to_csv(index=False), durable)


def read_numbers(path: Path | str, complete: Sequence[str], gaps: Sequence[str] = ()) -> "DataFrame":
    """Returns a table of numbers in a CSV file.

    Args:
        path: the file, as `write_csv` writes it.
        complete: columns that must have a number in each row.
        gaps: columns that must be there; a field without a number is NaN.

    Raises:
        DamagedFileError: for anything else, with what is wrong.
    """
    from pandas import read_csv

    try:
        header, *rows = csv.reader(io.StringIO(Path(path).read_text()), strict=True)
        table = read_csv(path)
        numbers = table.astype(float)
    except (ValueError, csv.Error) as error:
        reason = " ".join(str(error).split())
        raise DamagedFileError(path, f"damaged, no table of numbers ({reason})", RESTORE) from None
    if short := [number for number, row in enumerate(rows, start=2) if len(row) != len(header)]:
        raise DamagedFileError(path, f"damaged, line {short[0]} is not as long as the first", RESTORE)
    lacking = [name for name in (*complete, *gaps) if name not in numbers]
    lacking += [name for name in complete if name in numbers and numbers[name].isna().any()]
    if lacking or not rows:
        what = f"no '{lacking[0]}' in each row" if lacking else "no rows"
        raise DamagedFileError(path, f"damaged, it has {what}", RESTORE)
    return table


def write_figure(path: Path | str, figure: "Figure") -> None:
    """Writes a matplotlib figure as PNG, the same bytes for the same figure."""
    with replacing(path) as temporary:
        figure.savefig(temporary, metadata={"Software": None})

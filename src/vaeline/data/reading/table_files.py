"""Files of tables: CSV, Parquet, and NumPy arrays."""

from collections.abc import Callable
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np

from vaeline.core.errors import VaelineError
from vaeline.data.reading.own_path import path_command

if TYPE_CHECKING:  # its import takes half a second, which only this data set needs
    from pandas import DataFrame

SEPARATORS = ",;\t"


def table_file(path: Path) -> Path:
    """Returns the file of a table: `path` itself, or the only one in it if it is a folder.

    Raises:
        VaelineError: if there is no such file, or more than one.
    """
    if path.is_dir():
        files = sorted(file for file in path.iterdir() if file.suffix.lower() in READERS and file.is_file())
    else:
        files = [path] if path.exists() else []
    if len(files) == 1:
        return files[0]
    what = f"{len(files)} tables ({', '.join(file.name for file in files[:3])})" if files else "no table"
    raise VaelineError(
        f"data.path = {str(path)!r}: {what} there: set it to one file ({', '.join(READERS)}), "
        f"`{path_command('table', files[0] if files else 'PATH')}`"
    )


def read_frame(file: Path) -> "DataFrame":
    """Returns the table in a file, with text as names of columns.

    CSV has the names in its first line, and columns separated by comma, semicolon or tab. The columns of an
    array [N, D] are called x0, x1, ….

    Raises:
        VaelineError: if the file is of another kind, cannot be read, or has two columns of one name.
    """
    reader = READERS.get(file.suffix.lower())
    if reader is None:
        raise VaelineError(f"{file}: no table: the name should end with one of {', '.join(READERS)}")
    try:
        frame = reader(file)
    except VaelineError:
        raise
    except Exception as error:  # damaged files raise anything
        reason = " ".join(str(error).split())[:200]
        raise VaelineError(
            f"{file}: cannot be read as {file.suffix} ({reason}): write it again, or convert it"
        ) from None
    frame.columns = frame.columns.map(str)
    if repeated := frame.columns[frame.columns.duplicated()].tolist():
        raise VaelineError(f"{file}: several columns are called {repeated[0]!r}: rename them")
    return frame


def _read_csv(file: Path) -> "DataFrame":
    import pandas as pd

    with file.open(encoding="utf-8-sig") as lines:
        first = lines.readline()
    names = first.strip().split(max(SEPARATORS, key=first.count))
    if all(_is_number(name.strip('" ')) for name in names):
        raise VaelineError(
            f"{file}: the first line holds numbers ({first.strip()[:60]}), not the names of the columns: "
            "add a line of names above it"
        )
    # low_memory would guess types piece by piece, and differently.
    return pd.read_csv(
        file,
        sep=max(SEPARATORS, key=first.count),
        encoding="utf-8-sig",
        skipinitialspace=True,
        index_col=False,
        low_memory=False,
    )


def _read_parquet(file: Path) -> "DataFrame":
    import pandas as pd

    return pd.read_parquet(file)


def _read_npy(file: Path) -> "DataFrame":
    import pandas as pd

    array = np.load(file, mmap_mode="r", allow_pickle=False)
    if array.ndim != 2 or array.dtype.kind not in "fiub":
        raise VaelineError(
            f"{file}: an array {list(array.shape)} of {array.dtype}: a table is an array [N, D] of numbers"
        )
    return pd.DataFrame(array, columns=[f"x{j}" for j in range(array.shape[1])])


def _is_number(text: str) -> bool:
    try:
        float(text)
    except ValueError:
        return False
    return True


READERS: dict[str, Callable[[Path], "DataFrame"]] = {
    ".csv": _read_csv,
    ".parquet": _read_parquet,
    ".npy": _read_npy,
}
"""How a table is read, by the end of its file's name."""

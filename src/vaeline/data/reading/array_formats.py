"""The kinds of files that hold arrays, by their ending."""

from pathlib import Path

from vaeline.core.errors import VaelineError
from vaeline.data.reading.array_files import ArrayFile
from vaeline.data.reading.chunked_files import Hdf5File, ZarrFolder
from vaeline.data.reading.numpy_files import NpyFile, NpyFolder, NpzFile
from vaeline.data.reading.parquet_files import ParquetFile

ARRAY_FORMATS: dict[str, type[ArrayFile]] = {
    ".npy": NpyFile,
    ".npz": NpzFile,
    ".h5": Hdf5File,
    ".hdf5": Hdf5File,
    ".zarr": ZarrFolder,
    ".parquet": ParquetFile,
}


def open_arrays(path: Path) -> ArrayFile:
    """Returns the arrays in `path`: a file of a kind in `ARRAY_FORMATS`, or a folder of .npy files.

    Raises:
        VaelineError: for anything else.
    """
    if not path.exists():
        raise VaelineError(f"data.path = {str(path)!r}: no such file or folder: set it to your own data")
    if of_kind := ARRAY_FORMATS.get(path.suffix.lower()):
        return of_kind(path)
    if path.is_dir():
        return NpyFolder(path)
    kinds = ", ".join(ARRAY_FORMATS)
    raise VaelineError(
        f"data.path = {str(path)!r}: not a file of arrays: name one of {kinds}, or a folder of .npy files"
    )

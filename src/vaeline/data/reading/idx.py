"""Data sets published as four IDX files, two of images and two of labels: MNIST and those modelled on it."""

import gzip
import math
from collections.abc import Mapping, Sequence
from functools import cached_property
from pathlib import Path
from typing import ClassVar

import numpy as np

from vaeline.core.errors import VaelineError
from vaeline.data.reading.dataset import DataSet, Examples
from vaeline.data.reading.raw_files import obtain
from vaeline.data.reading.sources import Source, TorchvisionMirrors

UNSIGNED_BYTES = b"\x00\x00\x08"


def read_idx(path: Path) -> np.ndarray:
    """Returns the uint8 array in an IDX file, plain or `.gz`.

    The format, as MNIST's authors describe it: two zero bytes, the type, the number of dimensions, each
    dimension as a big-endian uint32, then the values, the last dimension fastest.

    Raises:
        VaelineError: if it is not an IDX file of bytes, or truncated.
    """
    data = gzip.decompress(path.read_bytes()) if path.suffix == ".gz" else path.read_bytes()
    start = 4 + 4 * data[3] if len(data) > 3 else 4
    shape = tuple(int.from_bytes(data[at : at + 4], "big") for at in range(4, start, 4))
    if not data.startswith(UNSIGNED_BYTES) or len(data) != start + math.prod(shape):
        raise VaelineError(
            f"{path}: not an IDX file of bytes, or truncated: `rm {path}`, then `dvc repro prepare`"
        )
    return np.frombuffer(data, np.uint8, offset=start).reshape(shape)


class IdxSet(DataSet):
    """A data set of four IDX files, in the folder where torchvision puts them (data/raw/MNIST/raw)."""

    mirrors: ClassVar[TorchvisionMirrors]

    def digests(self) -> Mapping[str, str]:
        """Returns the name and the digest of each of the four files, see `raw_files.obtain`."""
        return self.mirrors.digests()

    def sources(self) -> Sequence[Source]:
        """Returns where to download the files from, in the order to try."""
        return [self.mirrors]

    def training(self) -> Examples:
        """Returns the content of the two `train` files."""
        return self._examples("train")

    def test(self) -> Examples:
        """Returns the content of the two `t10k` files."""
        return self._examples("t10k")

    def _examples(self, part: str) -> Examples:
        images = read_idx(self._files[f"{part}-images-idx3-ubyte"])
        labels = read_idx(self._files[f"{part}-labels-idx1-ubyte"])
        return Examples(images[:, None], labels.astype(np.int64))  # [N, H, W] → [N, C=1, H, W]

    @cached_property
    def _files(self) -> dict[str, Path]:
        files = obtain(self.raw / self.mirrors.dataset / "raw", self.digests(), self.sources())
        return {name.removesuffix(".gz"): path for name, path in files.items()}

"""CIFAR-10 (Krizhevsky 2009): 60,000 colour photographs of 32×32."""

import io
import pickle
import tarfile
from functools import cached_property
from typing import Any, ClassVar

import numpy as np

from vaeline.data.reading.addresses import WebFiles
from vaeline.data.reading.dataset import DataSet, Examples
from vaeline.data.reading.raw_files import obtain

ARCHIVE = WebFiles("CIFAR10", lambda known: {known.filename: (known.url, known.tgz_md5)})
TRAINING_BATCHES = tuple(f"data_batch_{i}" for i in range(1, 6))
TEST_BATCHES = ("test_batch",)
CIFAR10_SHAPE = (3, 32, 32)


class Cifar10(DataSet):
    """10 kinds of things; 50,000 training images (45,000 / 5,000 by default) and 10,000 test images.

    Its one archive lies in data/raw, where torchvision puts it, and stays packed.
    """

    name = "cifar10"
    classes = ("airplane", "automobile", "bird", "cat", "deer", "dog", "frog", "horse", "ship", "truck")
    train_size = 45_000
    valid_size = 5_000

    def training(self) -> Examples:
        """Returns the five training batches, in their order."""
        return self._examples(TRAINING_BATCHES)

    def test(self) -> Examples:
        """Returns the test batch."""
        return self._examples(TEST_BATCHES)

    def _examples(self, names: tuple[str, ...]) -> Examples:
        images = np.concatenate([self._batches[name][b"data"] for name in names])
        labels = np.concatenate([self._batches[name][b"labels"] for name in names])
        return Examples(images.reshape(-1, *CIFAR10_SHAPE), labels.astype(np.int64))

    @cached_property
    def _batches(self) -> dict[str, dict[bytes, Any]]:
        (archive,) = obtain(self.raw, ARCHIVE.digests(), [ARCHIVE]).values()
        batches = {}
        # As a stream: a compressed archive that is read out of order is decompressed again and again.
        with tarfile.open(archive, "r|gz") as packed:
            for member in packed:
                name = member.name.rpartition("/")[2]
                if name in (*TRAINING_BATCHES, *TEST_BATCHES):
                    batches[name] = unpickle_arrays(packed.extractfile(member).read())
        return batches


def unpickle_arrays(content: bytes) -> Any:
    """Returns what a pickle of Python 2 holds: containers, numbers, bytes and arrays.

    Raises pickle.UnpicklingError where it names anything else, which in a pickle could be a command.
    """
    return _Unpickler(io.BytesIO(content), encoding="bytes").load()


class _Unpickler(pickle.Unpickler):
    allowed: ClassVar[dict[tuple[str, str], Any]] = {
        ("numpy", "ndarray"): np.ndarray,
        ("numpy", "dtype"): np.dtype,
        # NumPy's own function for it, whose module has another name today.
        ("numpy.core.multiarray", "_reconstruct"): np.empty(0).__reduce__()[0],
    }

    def find_class(self, module: str, name: str) -> Any:
        """Returns one of the three names that an array's pickle is made of."""
        try:
            return self.allowed[module, name]
        except KeyError:
            raise pickle.UnpicklingError(f"{module}.{name} has no place in a batch of images") from None

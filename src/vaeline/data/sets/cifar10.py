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

ARCHIVE = WebFiles("CIFAR10", lambda cifar: {cifar.filename: (cifar.url, cifar.tgz_md5)})
TRAINING_BATCHES = tuple(f"data_batch_{i}" for i in range(1, 6))
TEST_BATCHES = ("test_batch",)
CIFAR10_SHAPE = (3, 32, 32)


class Cifar10(DataSet):
    """10 kinds of objects; 50,000 training images (45,000 / 5,000 by default) and 10,000 test images.

    The archive is in data/raw, where torchvision puts it, and stays packed.
    """

    name = "cifar10"
    classes = ("airplane", "automobile", "bird", "cat", "deer", "dog", "frog", "horse", "ship", "truck")
    train_size = 45_000
    valid_size = 5_000

    def training(self) -> Examples:
        """Returns the five training batches, in order."""
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
        # As a stream: reading a compressed archive out of order would decompress it again and again.
        with tarfile.open(archive, "r|gz") as packed:
            for member in packed:
                name = member.name.rpartition("/")[2]
                content = packed.extractfile(member)
                if content is not None and name in (*TRAINING_BATCHES, *TEST_BATCHES):
                    batches[name] = unpickle_arrays(content.read())
        return batches


def unpickle_arrays(content: bytes) -> Any:
    """Returns the content of a pickle of Python 2: containers, numbers, bytes and arrays.

    Raises:
        pickle.UnpicklingError: if the pickle names anything else, since that could run a command.
    """
    return _Unpickler(io.BytesIO(content), encoding="bytes").load()


class _Unpickler(pickle.Unpickler):
    allowed: ClassVar[dict[tuple[str, str], Any]] = {
        ("numpy", "ndarray"): np.ndarray,
        ("numpy", "dtype"): np.dtype,
        # NumPy's own function for this, whose module has been renamed since.
        ("numpy.core.multiarray", "_reconstruct"): np.empty(0).__reduce__()[0],
    }

    def find_class(self, module: str, name: str) -> Any:
        """Returns one of the three names that the pickle of an array refers to."""
        try:
            return self.allowed[module, name]
        except KeyError:
            raise pickle.UnpicklingError(f"{module}.{name} does not belong in a batch of images") from None

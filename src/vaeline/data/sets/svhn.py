"""Street View House Numbers (Netzer et al. 2011): digits in colour, cropped from photographs to 32×32."""

import numpy as np

from vaeline.data.reading.addresses import WebFiles
from vaeline.data.reading.dataset import DataSet, Examples
from vaeline.data.reading.raw_files import obtain

SVHN_FILES = WebFiles(
    "SVHN",
    lambda svhn: {
        name: (url, md5) for url, name, md5 in (svhn.split_list[part] for part in ("train", "test"))
    },
)


class Svhn(DataSet):
    """10 digits; 73,257 training images (66,000 / 7,257 by default) and 26,032 test images.

    Its `extra` images, which are easier, are not used. The two files are in data/raw, where torchvision puts
    them.
    """

    name = "svhn"
    classes = tuple("0123456789")
    train_size = 66_000
    valid_size = 7_257

    def training(self) -> Examples:
        """Returns the content of train_32x32.mat."""
        return self._examples("train_32x32.mat")

    def test(self) -> Examples:
        """Returns the content of test_32x32.mat."""
        return self._examples("test_32x32.mat")

    def _examples(self, name: str) -> Examples:
        from scipy.io import loadmat  # takes time, so only where it is needed

        content = loadmat(obtain(self.raw, SVHN_FILES.digests(), [SVHN_FILES])[name])
        labels = content["y"].astype(np.int64).ravel() % 10  # 10 means the digit 0
        return Examples(content["X"].transpose(3, 2, 0, 1), labels)  # [H, W, C, N] → [N, C, H, W]

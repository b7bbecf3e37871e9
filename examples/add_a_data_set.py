"""A data set of one's own: in the repository, a file in data/ and a row in data/datasets.py."""

import tempfile

import numpy as np

from vaeline.data.catalog import DATASETS
from vaeline.data.reading.dataset import DataSet, Examples
from vaeline.data.storing import store


class Stripes(DataSet):
    """Horizontal or vertical stripes, 16×16."""

    name = "stripes"
    classes = ("horizontal", "vertical")
    train_size, valid_size = 800, 200

    def training(self) -> Examples:
        return self._drawn(1000, seed=0)

    def test(self) -> Examples:
        return self._drawn(500, seed=1)

    def _drawn(self, n: int, seed: int) -> Examples:
        generator = np.random.default_rng(seed)
        rows = generator.choice(np.array([0, 255], np.uint8), (n, 1, 16, 1)).repeat(16, axis=3)
        labels = generator.integers(2, size=n)
        return Examples(np.where(labels[:, None, None, None], rows.swapaxes(2, 3), rows), labels)


if __name__ == "__main__":
    DATASETS.add("stripes", Stripes)  # the row; with its place in datasets.py, `-S data.name=stripes`
    with tempfile.TemporaryDirectory() as folder:
        prepared = store(DATASETS.build({"name": "stripes"}, raw=None), folder)
        print(prepared.name, prepared.shape, len(prepared.train), len(prepared.valid), len(prepared.test))

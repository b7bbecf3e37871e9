"""Images in a file that a trained model compresses without loss, and back."""

from pathlib import Path

import numpy as np
import torch

from vaeline.core.errors import VaelineError
from vaeline.core.scaling import TOP_LEVEL
from vaeline.evaluation.compression.bits_back import BitsBack
from vaeline.evaluation.compression.compressed_images import (
    CompressedImages,
    compress_images,
    decompress_images,
)
from vaeline.evaluation.trained import TrainedModel
from vaeline.serving.passes import pixels_of
from vaeline.serving.reading import Batch, read_all
from vaeline.serving.writing import open_output


def compress_source(
    trained: TrainedModel, source: Path, out: Path, binarize: bool = False
) -> tuple[CompressedImages, np.ndarray]:
    """Writes the rows of `source` to the file `out`, see `compress_images` for what is returned.

    Args:
        trained: The model.
        source: An image, a folder of images, an array or a table, see `read_batches`. All rows are held in
            memory.
        out: The file.
        binarize: Compress what bounds are computed on, which for a Bernoulli likelihood is a binarization.

    Raises:
        VaelineError: For a model that cannot compress, and values to which it gives no probability.
    """
    coder = BitsBack(trained.model)
    levels = _levels(read_all(trained.model, source), source)
    if binarize:
        levels = trained.model.likelihood.evaluation_set(torch.from_numpy(levels)).numpy()
    compressed, bounds = compress_images(coder, levels, progress=True)
    compressed.save(out)
    return compressed, bounds


def decompress_file(trained: TrainedModel, file: Path, out: Path) -> int:
    """Writes the images in a compressed file as an array, a table or a picture, uint8; returns how many.

    Raises:
        VaelineError: For a damaged file, and for another model than the one that compressed it.
    """
    compressed = CompressedImages.load(file)
    levels = decompress_images(BitsBack(trained.model), compressed, progress=True)
    with open_output(out, "x", pixels=pixels_of(trained)) as output:
        output.write([str(row) for row in range(len(levels))], levels)
    return len(levels)


def _levels(batch: Batch, source: Path) -> np.ndarray:
    """Returns the values of a batch as uint8 levels; raises VaelineError for one that lies between two."""
    levels = batch.returned * TOP_LEVEL
    between = np.abs(levels - levels.round()) > 1e-3
    if between.any():
        row, *place = np.argwhere(between)[0].tolist()
        raise VaelineError(
            f"{source}: row {row} has {batch.values[(row, *place)]:g}, and only levels g/255 are compressed: "
            "round to them first"
        )
    return levels.round().astype(np.uint8)

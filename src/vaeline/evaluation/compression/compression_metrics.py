"""What the stage evaluate says of compression: the length of a file beside the bound."""

import numpy as np
import torch

from vaeline.core.errors import VaelineError
from vaeline.data.observations import Observations, pixels
from vaeline.evaluation.chunks import even_indices
from vaeline.evaluation.compression.bits_back import BitsBack
from vaeline.evaluation.compression.compressed_images import compress_images, decompress_images
from vaeline.evaluation.estimators.estimate import means_with_errors


def compression_metrics(
    coder: BitsBack, images: Observations, count: int, progress: bool = False
) -> dict[str, float]:
    """Returns the length in bits of `count` of uint8 images [N, *event_shape] in a file, beside their −ELBO.

    The bound is at the z that coded each image, since other draws of z move it. The first z is drawn with
    bits that no image before it has left: with the header they are what a file costs once.

    Raises:
        VaelineError: if the images that come out of the file are not those that went in.
    """
    chosen = pixels(images)[even_indices(len(images), count)].numpy()
    compressed, bounds = compress_images(coder, chosen, progress)
    if not np.array_equal(decompress_images(coder, compressed, progress), chosen):
        raise VaelineError("compress_images: other images came out of the file than went in: set it to 0")
    bits = compressed.bits / len(chosen)
    return {
        "compressed_images": len(chosen),
        "compressed_bits": bits,
        **means_with_errors({"compressed_bits_bound": torch.from_numpy(bounds)}),
        "compressed_overhead": bits / float(bounds.mean()) - 1,
        "compressed_once_bits": compressed.once_bits,
    }

"""Images as the content of a file, and back, bit for bit."""

import struct
import zlib
from dataclasses import dataclass
from pathlib import Path
from typing import Self

import numpy as np

from vaeline.core.errors import DamagedFileError, VaelineError
from vaeline.core.files import replacing
from vaeline.core.progress import bar
from vaeline.evaluation.compression.bit_stack import START_WORDS, WORD, BitStack, start_words
from vaeline.evaluation.compression.bits_back import BitsBack

MAGIC = b"VAE\x01"  # its last byte is the version of the format
HEADER = struct.Struct("<4s8sIII")  # magic, digest of the model, images, untouched words, CRC-32 of all else


@dataclass(frozen=True, eq=False)
class CompressedImages:
    """Images in a stack of bits, and what decoding needs besides the model.

    Attributes:
        digest: that of the model's weights, see `BitsBack`.
        count: how many images there are.
        untouched: how many of the words that every stack begins with are still at the bottom.
        words: what is above them, uint32 [N].
    """

    digest: bytes
    count: int
    untouched: int
    words: np.ndarray

    @property
    def bits(self) -> int:
        """Length of the file."""
        return 8 * (HEADER.size + self.words.nbytes)

    @property
    def once_bits(self) -> int:
        """What the file costs once: header, the words that drew the first z, and the mark of their end."""
        return 8 * (HEADER.size + WORD.itemsize * (START_WORDS + 1 - self.untouched))

    def save(self, path: Path) -> None:
        """Writes the file, atomically."""
        content = self.words.astype(WORD).tobytes()
        facts = MAGIC, self.digest, self.count, self.untouched
        checksum = zlib.crc32(HEADER.pack(*facts, 0) + content)
        with replacing(path) as temporary:
            temporary.write_bytes(HEADER.pack(*facts, checksum) + content)

    @classmethod
    def load(cls, path: Path) -> Self:
        """Reads a file; raises VaelineError where it is missing, damaged or of another kind."""
        if not path.is_file():
            raise VaelineError(f"{path}: no such file; `vaeline compress` writes one")
        content = path.read_bytes()
        if content[: len(MAGIC)] != MAGIC:
            raise VaelineError(f"{path}: not a file that `vaeline compress` has written")
        header, body = content[: HEADER.size].ljust(HEADER.size, b"\0"), content[HEADER.size :]
        *facts, checksum = HEADER.unpack(header)
        _, digest, count, untouched = facts
        if zlib.crc32(HEADER.pack(*facts, 0) + body) != checksum:
            raise DamagedFileError(path, "damaged or cut off (wrong checksum)", "compress the images again")
        return cls(digest, count, untouched, np.frombuffer(body, WORD).astype(np.uint32))


def compress_images(
    coder: BitsBack, images: np.ndarray, progress: bool = False
) -> tuple[CompressedImages, np.ndarray]:
    """Compresses images without loss.

    Args:
        coder: has the model that they are coded with.
        images: uint8 [N, *event_shape].
        progress: whether to show a progress bar.

    Returns:
        The compressed images, and the −ELBO of each in bits, [N], at the z that coded it.

    Raises:
        VaelineError: for levels to which the model gives no probability.
    """
    _reject_other_levels(images, coder.code.levels)
    stack, start = BitStack(), start_words()
    rows = bar(images, desc="compressing", unit="image", disable=not progress)
    bounds = np.array([coder.push(stack, image) for image in rows])
    words = stack.words()
    untouched = int((words[: len(start)] == start[: len(words)]).argmin())
    return CompressedImages(coder.digest, len(images), untouched, words[untouched:]), bounds


def decompress_images(coder: BitsBack, compressed: CompressedImages, progress: bool = False) -> np.ndarray:
    """Returns the images that were compressed with the same model, uint8 [N, *event_shape].

    Raises:
        VaelineError: for another model, and where this machine computes other numbers than the one that
            compressed them.
    """
    if compressed.digest != coder.digest:
        raise VaelineError(
            f"compressed with another model: the digest of its weights is {compressed.digest.hex()}, and of "
            f"these {coder.digest.hex()}: name the right one with --model"
        )
    stack = BitStack(np.concatenate([start_words()[: compressed.untouched], compressed.words]))
    images = np.empty((compressed.count, *coder.model.event_shape), np.uint8)
    # The last image is on top.
    rows = bar(images[::-1], desc="decompressing", unit="image", disable=not progress)
    try:
        for image in rows:
            image[:] = coder.pop(stack)
    except KeyError:
        raise _not_restored() from None
    if not stack.is_at_its_start():
        raise _not_restored()
    return images


def _reject_other_levels(images: np.ndarray, levels: range) -> None:
    wrong = ~np.isin(images, levels)
    if wrong.any():
        row, *place = np.argwhere(wrong)[0].tolist()
        raise VaelineError(
            f"image {row} has the level {images[(row, *place)]}, and this model codes {levels.start} and "
            f"{levels[-1]} alone: `vaeline compress --binarize` binarizes it first, "
            "likelihood.name=discretized_logistic codes all levels"
        )


def _not_restored() -> VaelineError:
    return VaelineError(
        "not restored: this machine computes other numbers than the one that compressed the images: "
        "decompress them there"
    )

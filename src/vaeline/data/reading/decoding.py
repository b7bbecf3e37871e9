"""Decoding image files on all cores into an array on disk, in memory that does not grow with their number."""

import io
import math
import os
import tempfile
from collections.abc import Callable, Iterator, Mapping, Sequence
from concurrent.futures.process import BrokenProcessPool
from contextlib import ExitStack
from itertools import repeat
from pathlib import Path

import numpy as np
from PIL import Image, ImageOps

from vaeline.core.errors import VaelineError
from vaeline.core.progress import bar
from vaeline.data.reading.encoded import EncodedImage
from vaeline.runtime.processes import worker_pool

ImageShape = tuple[int, int, int]
BrokenFiles = dict[int, str]
"""Files that could not be decoded: their indices, in order, with name and reason."""

JOB_IMAGES = 256
JOB_BYTES = 1 << 23
MODES = {1: "L", 3: "RGB"}
UNSCALED_MODES = ("I", "F")
"""Modes that do not define which level is white."""


class DecodedImages:
    """Images, uint8 [N, C, H, W], read from an open file when they are indexed, `images[rows]`.

    They are read rather than mapped, because mapped pages count as memory of the process.
    """

    dtype = np.dtype(np.uint8)
    ndim = 4

    def __init__(self, file: int, places: np.ndarray, shape: ImageShape) -> None:
        self._file, self._places = file, places
        self.shape = (len(places), *shape)

    def __len__(self) -> int:
        return len(self._places)

    def __getitem__(self, rows: np.ndarray | slice) -> np.ndarray:
        places = self._places[rows]
        images = np.empty((len(places), *self.shape[1:]), np.uint8)
        for image, place in zip(images, places.tolist(), strict=True):
            os.preadv(self._file, [image.data], place * image.nbytes)
        return images

    def __del__(self) -> None:
        os.close(self._file)


def decode_files(
    files: Mapping[str, EncodedImage], shape: ImageShape, scratch: Path, crop: int | None = None
) -> tuple[DecodedImages, BrokenFiles]:
    """Decodes `files` to uint8 [C, S, S] each, see `square_image`, and leaves out those that are broken.

    It uses processes rather than threads: decoding a small image is mostly Python, and for images as small as
    MNIST's two threads took three times as long as one.

    Args:
        files: the encoded images, by name.
        shape: (C, S, S).
        scratch: folder for the unnamed file that holds the decoded images.
        crop: side of the centred square that is cut out first, if any.

    Raises:
        VaelineError: if a process was killed.
    """
    step = max(1, min(JOB_IMAGES, JOB_BYTES // math.prod(shape)))
    names, sources = list(files), list(files.values())
    starts = range(0, len(sources), step)
    jobs = [sources[start : start + step] for start in starts]
    scratch.mkdir(parents=True, exist_ok=True)
    handle, name = tempfile.mkstemp(dir=scratch, prefix=".decoding-")
    broken: BrokenFiles = {}
    try:
        with ExitStack() as stack:
            progress = stack.enter_context(bar(total=len(names), desc="decoding", unit="image"))
            run: Callable[..., Iterator[dict[int, str]]] = map
            if (workers := min(len(os.sched_getaffinity(0)), len(jobs))) > 1:
                run = stack.enter_context(worker_pool(workers)).map
            done = run(_decode, jobs, starts, repeat(shape), repeat(crop), repeat(name))
            for start, job, failures in zip(starts, jobs, done, strict=True):
                broken |= {start + i: f"{names[start + i]} ({reason})" for i, reason in failures.items()}
                progress.update(len(job))
    except BrokenProcessPool:
        os.close(handle)
        raise VaelineError(
            "a process that decoded images was killed, probably for lack of memory: free some and run again"
        ) from None
    except BaseException:
        os.close(handle)
        raise
    finally:
        Path(name).unlink()
    return DecodedImages(handle, np.delete(np.arange(len(names)), list(broken)), shape), broken


def _decode(
    files: Sequence[EncodedImage], start: int, shape: ImageShape, crop: int | None, target: str
) -> dict[int, str]:
    """Writes the images of `files` to their places in `target`; returns which are broken, and why."""
    channels, side, _ = shape
    # All images in one column: reading levels out of Pillow costs nearly as much for one image as for many.
    column = Image.new(MODES[channels], (side, side * len(files)))
    broken = {}
    for i, file in enumerate(files):
        try:
            column.paste(square_image(file.read(), channels, side, crop), (0, i * side))
        except MemoryError:
            raise
        except Exception as error:  # damaged files raise anything
            broken[i] = " ".join(f"{type(error).__name__}: {error}".replace(file.path, "it").split())
    levels = np.frombuffer(column.tobytes(), np.uint8).reshape(-1, side, side, channels)
    with Path(target).open("r+b") as written:
        written.seek(start * math.prod(shape))
        written.write(np.ascontiguousarray(levels.transpose(0, 3, 1, 2)).data)
    return broken


def square_image(content: bytes, channels: int, side: int, crop: int | None = None) -> Image.Image:
    """Returns the largest centred square of an image, resized to `side`, in grey or, with 3 channels, RGB.

    With `crop`, the centred square of `crop` pixels is cut out first.

    Raises:
        ValueError: if the mode of the image does not define which level is white; and whatever Pillow raises
            if the image is damaged.
    """
    opened: Image.Image = Image.open(io.BytesIO(content))
    if crop is None:
        # Lets Pillow decode a large JPEG at a half or less of its size, if that is at least twice `side`.
        opened.draft(MODES[channels], (2 * side, 2 * side))
    image = _to_eight_bits(opened)
    if "exif" in image.info:
        image = ImageOps.exif_transpose(image)
    if image.mode != MODES[channels]:
        image = image.convert(MODES[channels])
    if crop is not None:
        image = image.crop(_centred_box(*image.size, crop))
    if image.size != (side, side):
        image = image.resize((side, side), Image.Resampling.BILINEAR, _largest_square(*image.size))
    return image


def _to_eight_bits(image: Image.Image) -> Image.Image:
    if image.mode in UNSCALED_MODES:
        raise ValueError(f"its levels are not those of 8 or 16 bits (mode {image.mode})")
    if image.mode.startswith("I;16"):  # convert() would clip
        return Image.fromarray((np.asarray(image) >> 8).astype(np.uint8))
    return image


def _largest_square(width: int, height: int) -> tuple[float, float, float, float]:
    """Returns the box of the largest centred square: left, upper, right, lower."""
    side = min(width, height)
    left, upper = (width - side) / 2, (height - side) / 2
    return left, upper, left + side, upper + side


def _centred_box(width: int, height: int, side: int) -> tuple[int, int, int, int]:
    """Returns the box of the centred square of `side` pixels, cut to the image where that is smaller."""
    across, down = min(side, width), min(side, height)
    left, upper = (width - across) // 2, (height - down) // 2
    return left, upper, left + across, upper + down

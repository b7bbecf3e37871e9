"""Decoding image files into arrays on the disk, by all cores, with as much memory for many as for few."""

import io
import math
import os
import tempfile
from collections.abc import Mapping, Sequence
from concurrent.futures import ProcessPoolExecutor
from concurrent.futures.process import BrokenProcessPool
from contextlib import ExitStack
from itertools import repeat
from pathlib import Path

import numpy as np
from PIL import Image, ImageOps

from vaeline.core.errors import VaelineError
from vaeline.core.progress import bar
from vaeline.data.reading.encoded import EncodedImage

ImageShape = tuple[int, int, int]
BrokenFiles = dict[int, str]
"""The places of files that could not be decoded, in order, with their names and why."""

JOB_IMAGES = 256
JOB_BYTES = 1 << 23
MODES = {1: "L", 3: "RGB"}
UNSCALED_MODES = ("I", "F")
"""Modes of which nobody knows which level is white."""


class DecodedImages:
    """Images, uint8 [N, C, H, W], read from an open file when they are asked for, `images[indices]`.

    Read, not mapped: what is mapped counts as the process's memory.
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
    """Returns the images of `files`, by their names, as uint8 [C, S, S] each, without those that are broken.

    See `picture`. They wait in a nameless file in `scratch`. Processes, not threads: decoding a small image
    is mostly Python, and two threads took three times as long for MNIST's as one.
    """
    size = math.prod(shape)
    step = max(1, min(JOB_IMAGES, JOB_BYTES // size))
    names, sources = list(files), list(files.values())
    starts = range(0, len(sources), step)
    jobs = [sources[start : start + step] for start in starts]
    scratch.mkdir(parents=True, exist_ok=True)
    handle, name = tempfile.mkstemp(dir=scratch, prefix=".decoding-")
    broken: BrokenFiles = {}
    try:
        with ExitStack() as stack:
            progress = stack.enter_context(bar(total=len(names), desc="decoding", unit="image"))
            run = map
            if (workers := min(len(os.sched_getaffinity(0)), len(jobs))) > 1:
                run = stack.enter_context(ProcessPoolExecutor(workers)).map
            done = run(_decode, jobs, starts, repeat(shape), repeat(crop), repeat(name))
            for start, job, failures in zip(starts, jobs, done, strict=True):
                broken |= {start + i: f"{names[start + i]} ({why})" for i, why in failures.items()}
                progress.update(len(job))
    except BrokenProcessPool:
        os.close(handle)
        raise VaelineError("a process that decoded images was ended: was there memory?") from None
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
    # All in one, one below the other: to take levels out of Pillow costs nearly as much for one as for many.
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
    """Returns the largest centred square of an image resized to `side`, in grey or, with 3 channels, RGB.

    With `crop`, that of the centred square of so many pixels, cut out before. Raises what Pillow raises where
    the image is damaged, and ValueError for levels without a known white.
    """
    opened = Image.open(io.BytesIO(content))
    if crop is None:
        # A large JPEG is decoded at half or less of its size, if that is still twice what is asked for.
        opened.draft(MODES[channels], (2 * side, 2 * side))
    image = _eight_bit(opened)
    if "exif" in image.info:
        image = ImageOps.exif_transpose(image)
    if image.mode != MODES[channels]:
        image = image.convert(MODES[channels])
    if crop is not None:
        image = image.crop(_centre(*image.size, crop))
    if image.size != (side, side):
        image = image.resize((side, side), Image.Resampling.BILINEAR, _square(*image.size))
    return image


def _eight_bit(image: Image.Image) -> Image.Image:
    if image.mode in UNSCALED_MODES:
        raise ValueError(f"its levels are not those of 8 or 16 bits (mode {image.mode})")
    if image.mode.startswith("I;16"):  # convert() would clip
        return Image.fromarray((np.asarray(image) >> 8).astype(np.uint8))
    return image


def _square(width: int, height: int) -> tuple[float, float, float, float]:
    """Returns the box of the largest centred square: left, upper, right, lower."""
    side = min(width, height)
    left, upper = (width - side) / 2, (height - side) / 2
    return left, upper, left + side, upper + side


def _centre(width: int, height: int, side: int) -> tuple[int, int, int, int]:
    """Returns the box of the centred square of `side` pixels, or of the image where that is smaller."""
    across, down = min(side, width), min(side, height)
    left, upper = (width - across) // 2, (height - down) // 2
    return left, upper, left + across, upper + down

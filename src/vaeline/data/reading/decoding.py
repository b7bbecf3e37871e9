"""Decoding image files on all cores into an array on disk, in memory that does not grow with their number."""

import math
import os
import re
import tempfile
import warnings
from collections import deque
from collections.abc import Iterable, Iterator, Mapping, Sequence
from concurrent.futures import Future
from concurrent.futures.process import BrokenProcessPool
from itertools import chain, islice
from pathlib import Path
from typing import NamedTuple

import numpy as np
from PIL import Image

from vaeline.core.errors import VaelineError
from vaeline.core.progress import bar
from vaeline.data.reading.encoded import EncodedImage
from vaeline.data.reading.pictures import UnreadableImageError
from vaeline.data.reading.pixels import MODES, Form, square_image
from vaeline.runtime.processes import worker_pool

ImageShape = tuple[int, int, int]
BrokenFiles = dict[int, str]
"""Images that could not be decoded: their indices, in order, with the reason, and the name if it is known."""

JOB_IMAGES = 256
JOB_BYTES = 1 << 23
JOBS_AHEAD = 2
"""Jobs that wait or run, for each process."""
ADDRESS = re.compile(r"<[^<>]* object at 0x[0-9a-f]+>")


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


class DecodedFiles(NamedTuple):
    """What became of image files."""

    images: DecodedImages
    """Those that could be decoded, in order."""
    broken: BrokenFiles
    transparent: int
    """Number of images with transparent pixels."""
    brightest: int
    """Highest level in any image."""


class _DecodedJob(NamedTuple):
    images: int
    broken: dict[int, str]
    transparent: int
    brightest: int


def decode_files(files: Mapping[str, EncodedImage], form: Form, scratch: Path) -> DecodedFiles:
    """Decodes `files` to uint8 [C, S, S] each, see `square_image`, and leaves out those that are broken.

    It uses processes rather than threads: decoding a small image is mostly Python, and for images as small as
    MNIST's two threads took three times as long as one.

    Args:
        files: the encoded images, by name.
        form: what each becomes.
        scratch: folder for the unnamed file that holds the decoded images.

    Raises:
        VaelineError: if a process was killed.
    """
    step = job_images(form)
    names, sources = list(files), list(files.values())
    jobs = (sources[start : start + step] for start in range(0, len(sources), step))
    decoded = decode_jobs(jobs, form, scratch, total=len(names))
    return decoded._replace(broken={i: f"{names[i]} ({reason})" for i, reason in decoded.broken.items()})


def job_images(form: Form) -> int:
    """Returns how many images a process decodes at a time."""
    return max(1, min(JOB_IMAGES, JOB_BYTES // math.prod(form.shape)))


def decode_jobs(
    jobs: Iterable[Sequence[EncodedImage]], form: Form, scratch: Path, total: int | None = None
) -> DecodedFiles:
    """Decodes images that arrive a few at a time, as `decode_files` does; `broken` has the reasons alone.

    Of the jobs, no more are held than keep all cores busy, however many there are.

    Args:
        jobs: encoded images; those of a job are decoded by one process.
        form: what each becomes.
        scratch: folder for the unnamed file that holds the decoded images.
        total: number of images, if it is known, for the progress bar.

    Raises:
        VaelineError: if a process was killed.
    """
    scratch.mkdir(parents=True, exist_ok=True)
    handle, name = tempfile.mkstemp(dir=scratch, prefix=".decoding-")
    done: list[_DecodedJob] = []
    try:
        with bar(total=total, desc="decoding", unit="image") as progress:
            for job in _decoded(jobs, form, name):
                done.append(job)
                progress.update(job.images)
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
    broken = {i: reason for job in done for i, reason in job.broken.items()}
    count = sum(job.images for job in done)
    return DecodedFiles(
        DecodedImages(handle, np.delete(np.arange(count), list(broken)), form.shape),
        broken,
        sum(job.transparent for job in done),
        max((job.brightest for job in done), default=0),
    )


def _decoded(jobs: Iterable[Sequence[EncodedImage]], form: Form, target: str) -> Iterator[_DecodedJob]:
    """Yields what became of each job, in order; a single one needs no other process."""
    cores = len(os.sched_getaffinity(0))
    arriving = _placed(jobs)
    first = list(islice(arriving, cores))
    placed = chain(first, arriving)
    if len(first) <= 1:
        yield from (_decode(job, start, form, target) for start, job in placed)
        return
    pending: deque[Future[_DecodedJob]] = deque()
    with worker_pool(len(first)) as pool:
        for start, job in placed:
            if len(pending) == JOBS_AHEAD * len(first):
                yield pending.popleft().result()
            pending.append(pool.submit(_decode, job, start, form, target))
        yield from (future.result() for future in pending)


def _placed(jobs: Iterable[Sequence[EncodedImage]]) -> Iterator[tuple[int, Sequence[EncodedImage]]]:
    """Yields each job with the place of its first image among all."""
    start = 0
    for job in jobs:
        yield start, job
        start += len(job)


def _decode(files: Sequence[EncodedImage], start: int, form: Form, target: str) -> _DecodedJob:
    """Writes the images of `files` to their places in `target`, the first of them at `start`."""
    channels, side, _ = form.shape
    # All images in one column: reading levels out of Pillow costs nearly as much for one image as for many.
    column = Image.new(MODES[channels], (side, side * len(files)))
    broken, transparent = {}, 0
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # Pillow's, on odd metadata: a line an image
        for i, file in enumerate(files):
            try:
                square = square_image(file.read(), form)
                column.paste(square.image, (0, i * side))
                transparent += square.transparent
            except MemoryError:
                raise
            except Exception as error:  # damaged files raise anything
                broken[start + i] = _reason(error, file)
    levels = np.frombuffer(column.tobytes(), np.uint8).reshape(-1, side, side, channels)
    images = np.ascontiguousarray(levels.transpose(0, 3, 1, 2))
    with Path(target).open("r+b") as written:
        written.seek(start * math.prod(form.shape))
        written.write(images.data)
    return _DecodedJob(len(files), broken, transparent, int(images.max(initial=0)))


def _reason(error: Exception, file: EncodedImage) -> str:
    """Returns in one line why a file is broken, without its path and without addresses of objects."""
    kind = "" if isinstance(error, UnreadableImageError) else f"{type(error).__name__}: "
    return " ".join(ADDRESS.sub("it", f"{kind}{error}".replace(file.path, "it")).split())

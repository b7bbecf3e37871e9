"""Images and labels in the splits of a set of Hugging Face's: pictures or arrays, streamed to disk."""

from collections.abc import Iterable, Iterator, Sequence
from pathlib import Path
from typing import NamedTuple

import numpy as np

from vaeline.core.errors import VaelineError
from vaeline.data.reading.array_files import mapped_pieces
from vaeline.data.reading.array_images import ArrayImages, ArrayOptions, declared_images
from vaeline.data.reading.array_labels import encoded_labels
from vaeline.data.reading.decoding import JOB_BYTES, DecodedFiles, decode_jobs, job_images
from vaeline.data.reading.layout import UNLABELLED
from vaeline.data.reading.parquet_files import unnested
from vaeline.data.reading.pixels import Form
from vaeline.data.reading.set_splits import NO_LABELS, SECTION, SetSplit, refused_in_one_line


class RowPicture(NamedTuple):
    """A picture whose encoded bytes came with its row; `path` says which row that is."""

    path: str
    content: bytes

    def read(self) -> bytes:
        """Returns its bytes; none if the row has no picture."""
        return self.content


def decoded_pictures(splits: Sequence[SetSplit], form: Form, scratch: Path) -> DecodedFiles:
    """Returns the pictures of all `splits`, decoded to uint8 [C, S, S] each.

    Raises:
        VaelineError: with its row, for the first that cannot be decoded.
    """
    pictures = (picture for split in splits for picture in _pictures(split))
    decoded = decode_jobs(_jobs(pictures, job_images(form)), form, scratch)
    for broken, reason in decoded.broken.items():
        more = f", and {len(decoded.broken) - 1} more" if len(decoded.broken) > 1 else ""
        raise VaelineError(
            f"{_row(splits, broken)} is not readable as a picture ({reason}){more}: leave it out with "
            "`Dataset.filter`, save the rest with `save_to_disk`, and name that folder in data.path"
        )
    return decoded


def mapped_arrays(splits: Sequence[SetSplit], options: ArrayOptions, scratch: Path) -> ArrayImages:
    """Returns the arrays of all `splits` as images, as `options` declare them, memory-mapped.

    Raises:
        VaelineError: if the column holds no numbers, its axes are not declared, or arrays differ in shape.
    """
    name = f"{splits[0].place}: {splits[0].image}"
    pieces = (piece for split in splits for piece in _arrays(split, options))
    return declared_images(mapped_pieces(pieces, name, scratch), name, options, SECTION)


def class_labels(splits: Sequence[SetSplit]) -> tuple[tuple[str, ...], list[np.ndarray]]:
    """Returns the names of the classes, and the labels, int64 [N], of each of `splits`, which have been read.

    Raises:
        VaelineError: if the splits declare other names, or a label has none, such as -1 for unlabelled rows.
    """
    if not splits[0].label:
        return (UNLABELLED,), [np.zeros(split.count, np.int64) for split in splits]
    labels, names = [split.labels for split in splits], splits[0].class_names
    if not names:
        return encoded_labels(labels)
    without = f"or read no labels, {NO_LABELS}"
    for split, numbers in zip(splits, labels, strict=True):
        if split.class_names != names:
            raise VaelineError(
                f"{split.place} has other classes than {splits[0].name}: save both with the same, {without}"
            )
        if len(wrong := np.flatnonzero((numbers < 0) | (numbers >= len(names)))):
            raise VaelineError(
                f"{split.place} row {wrong[0]}: {split.label} = {numbers[wrong[0]]}, which is none of its "
                f"{len(names)} classes: name another split, {without}"
            )
    return names, labels


def _pictures(split: SetSplit) -> Iterator[RowPicture]:
    """Yields the encoded pictures; where a row has a path alone, its file is read."""
    import datasets

    feature = datasets.Image()
    for column in split.images():
        with refused_in_one_line(split.place):
            embedded = feature.embed_storage(feature.cast_storage(column))
        for row, content in enumerate(embedded.field("bytes").to_pylist(), start=split.count):
            yield RowPicture(f"{split.place} row {row}", content or b"")


def _arrays(split: SetSplit, options: ArrayOptions) -> Iterator[np.ndarray]:
    """Yields the column of images as arrays, some rows at a time."""
    for column in split.images():
        piece = unnested(column, f"{split.place} from row {split.count}: {split.image}")
        if piece.dtype.kind not in "uifb":
            raise VaelineError(
                f"{split.place}: {split.image!r} holds {column.type}, and neither pictures nor arrays of "
                f"numbers: name another column, `dvc exp run -S {SECTION}.image=NAME`"
            )
        if not split.count:  # rather than after the whole set has come through the network
            declared_images(piece, f"{split.place}: {split.image}", options, SECTION)
        yield piece


def _jobs(pictures: Iterable[RowPicture], most: int) -> Iterator[list[RowPicture]]:
    """Yields the pictures in groups of at most `most`, or of fewer if they are large."""
    job: list[RowPicture] = []
    room = JOB_BYTES
    for picture in pictures:
        job.append(picture)
        room -= len(picture.content)
        if len(job) == most or room <= 0:
            yield job
            job, room = [], JOB_BYTES
    if job:
        yield job


def _row(splits: Sequence[SetSplit], place: int) -> str:
    """Returns what the picture at `place` among those of all splits is called."""
    for split in splits:
        if place < split.count:
            return f"{split.place} row {place}"
        place -= split.count
    raise IndexError(place)

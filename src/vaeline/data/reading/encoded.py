"""Where the bytes of an encoded image are: in a file of its own, or in a zip archive that stays packed."""

import contextlib
import os
import struct
import zipfile
import zlib
from collections.abc import Iterator
from pathlib import Path
from typing import NamedTuple, Protocol

LOCAL_HEADER = 30  # bytes, before the name of the member and the archive's extra fields
RAW_DEFLATE = -15


class EncodedImage(Protocol):
    """An image that has not been read; small, since whole lists of them are sent to other processes."""

    @property
    def path(self) -> str:
        """The file that holds it."""

    def read(self) -> bytes:
        """Returns its bytes; raises OSError, or zlib.error if they are damaged."""


class ImageFile(NamedTuple):
    """An image in a file of its own."""

    path: str

    def read(self) -> bytes:
        """Returns the whole file, read at once, because Pillow would read it in small pieces."""
        with _opened(self.path) as file:
            return os.pread(file, os.fstat(file).st_size, 0)


class ArchiveMember(NamedTuple):
    """An image in a zip archive.

    It is read by its position rather than with `zipfile`, with which every process would first read the list
    of all members.

    Attributes:
        path: the archive.
        start: offset of the member's local header.
        size: packed size in bytes.
        deflated: whether it is compressed.
    """

    path: str
    start: int
    size: int
    deflated: bool

    def read(self) -> bytes:
        """Returns the unpacked image."""
        with _opened(self.path) as file:
            header = os.pread(file, LOCAL_HEADER, self.start)
            start = self.start + LOCAL_HEADER + sum(struct.unpack("<HH", header[-4:]))
            packed = os.pread(file, self.size, start)
        return zlib.decompress(packed, RAW_DEFLATE) if self.deflated else packed


def archive_members(archive: Path) -> dict[str, ArchiveMember]:
    """Returns the files in a zip archive by name, sorted."""
    with zipfile.ZipFile(archive) as packed:
        members = {
            info.filename: ArchiveMember(
                str(archive),
                info.header_offset,
                info.compress_size,
                info.compress_type == zipfile.ZIP_DEFLATED,
            )
            for info in packed.infolist()
            if not info.is_dir()
        }
    return dict(sorted(members.items()))


@contextlib.contextmanager
def _opened(path: str) -> Iterator[int]:
    # Not Path.open, whose overhead is half of the time it takes to decode a small image.
    file = os.open(path, os.O_RDONLY)
    try:
        yield file
    finally:
        os.close(file)

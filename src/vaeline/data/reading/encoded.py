"""Where the bytes of an image are: a file of its own, or a place in a zip archive that stays packed."""

import contextlib
import os
import struct
import zipfile
import zlib
from collections.abc import Iterator
from pathlib import Path
from typing import NamedTuple, Protocol

LOCAL_HEADER = 30  # bytes, before the member's name and what the archive's writer added
RAW_DEFLATE = -15


class EncodedImage(Protocol):
    """An image that was not read yet; small, since whole lists of them go to other processes."""

    path: str

    def read(self) -> bytes:
        """Returns the bytes; raises OSError, or zlib.error where they are damaged."""


class ImageFile(NamedTuple):
    """A file."""

    path: str

    def read(self) -> bytes:
        """Returns all of it; read at once, for Pillow would read it in small pieces."""
        with _opened(self.path) as file:
            return os.pread(file, os.fstat(file).st_size, 0)


class ArchiveMember(NamedTuple):
    """A file in the zip archive at `path`: its local header is at `start`, and packed it has `size` bytes.

    Read from there, and not through `zipfile`, which would have every process read the list of all members.
    """

    path: str
    start: int
    size: int
    deflated: bool

    def read(self) -> bytes:
        """Returns it unpacked."""
        with _opened(self.path) as file:
            header = os.pread(file, LOCAL_HEADER, self.start)
            start = self.start + LOCAL_HEADER + sum(struct.unpack("<HH", header[-4:]))
            packed = os.pread(file, self.size, start)
        return zlib.decompress(packed, RAW_DEFLATE) if self.deflated else packed


def archive_members(archive: Path) -> dict[str, ArchiveMember]:
    """Returns the files in a zip archive by their names, sorted."""
    with zipfile.ZipFile(archive) as packed:
        found = {
            info.filename: ArchiveMember(
                str(archive),
                info.header_offset,
                info.compress_size,
                info.compress_type == zipfile.ZIP_DEFLATED,
            )
            for info in packed.infolist()
            if not info.is_dir()
        }
    return dict(sorted(found.items()))


@contextlib.contextmanager
def _opened(path: str) -> Iterator[int]:
    # Not Path.open: for a small image, what it does around the call takes half as long as decoding.
    file = os.open(path, os.O_RDONLY)
    try:
        yield file
    finally:
        os.close(file)

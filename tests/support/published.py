"""Small data sets in the published file formats."""

import contextlib
import gzip
import hashlib
import struct
import zlib
from functools import partial
from http.server import SimpleHTTPRequestHandler, ThreadingHTTPServer
from threading import Thread

import numpy as np
from PIL import Image

from vaeline.data.reading.dataset import DataSet, Examples


def files(folder):
    """Returns the content of each file in a folder, by name."""
    return {path.name: path.read_bytes() for path in folder.iterdir() if path.is_file()}


def idx(array):
    """Returns the bytes of an IDX file, written from the description of the format."""
    sizes = b"".join(size.to_bytes(4, "big") for size in array.shape)
    return bytes([0, 0, 8, array.ndim]) + sizes + array.astype(np.uint8).tobytes()


def idx_files(training=30, test=8, height=5, width=4, seed=0):
    """Returns the content of the four files of an IDX data set by name, and the arrays in them."""
    rng = np.random.default_rng(seed)
    arrays = {}
    for part, count in (("train", training), ("t10k", test)):
        arrays[f"{part}-images-idx3-ubyte"] = rng.integers(0, 256, (count, height, width))
        arrays[f"{part}-labels-idx1-ubyte"] = rng.integers(0, 10, count)
    return {name: idx(array) for name, array in arrays.items()}, arrays


def sha256(content):
    return "sha256:" + hashlib.sha256(content).hexdigest()


def md5(content):
    return "md5:" + hashlib.md5(content).hexdigest()


def compressed(content):
    return gzip.compress(content, mtime=0)


@contextlib.contextmanager
def served(folder):
    """Within the block, serves `folder` on the loopback; yields the address."""
    with ThreadingHTTPServer(("127.0.0.1", 0), partial(SimpleHTTPRequestHandler, directory=folder)) as server:
        serving = Thread(target=server.serve_forever, kwargs={"poll_interval": 0.01})
        serving.start()
        yield f"http://127.0.0.1:{server.server_port}"
        server.shutdown()
        serving.join()


def image_files(folder, names, side=12, seed=0):
    """Writes random RGB images of `side` pixels as `names`; returns them, uint8 [N, 3, side, side]."""
    images = np.random.default_rng(seed).integers(0, 256, (len(names), side, side, 3), np.uint8)
    for image, name in zip(images, names, strict=True):
        (folder / name).parent.mkdir(parents=True, exist_ok=True)
        Image.fromarray(image).save(folder / name)
    return images.transpose(0, 3, 1, 2)


def picture(width, height, channels=3, seed=0):
    """A smooth picture, for which all sound ways of resizing give nearly the same result."""
    x, y = np.meshgrid(np.linspace(0, 3, width), np.linspace(0, 2, height))
    waves = [127 + 120 * np.sin((i + 1) * x + y + seed) for i in range(channels)]
    return Image.fromarray(np.stack(waves, -1).round().astype(np.uint8).squeeze())


def png_chunk(kind, data):
    return struct.pack(">I", len(data)) + kind + data + struct.pack(">I", zlib.crc32(kind + data))


def png(levels, depth, kind, extra=b""):
    """Returns a PNG written from its specification: `levels` are [H, W, planes], `extra` further chunks."""
    height, width, _ = levels.shape
    bits = (levels.reshape(height, -1, 1) >> np.arange(depth - 1, -1, -1)) & 1  # the highest first
    rows = np.packbits(bits.reshape(height, -1).astype(np.uint8), axis=1)
    header = struct.pack(">IIBBBBB", width, height, depth, kind, 0, 0, 0)
    data = zlib.compress(b"".join(b"\0" + row.tobytes() for row in rows))
    chunks = png_chunk(b"IHDR", header) + extra + png_chunk(b"IDAT", data) + png_chunk(b"IEND", b"")
    return b"\x89PNG\r\n\x1a\n" + chunks


class Numbered(DataSet):
    """Image i is filled with i and labelled i, so that every example can be recognised."""

    name = "numbered"
    classes = ("even", "odd")
    train_size = 60
    valid_size = 30

    def training(self):
        return self._examples(0, 100)

    def test(self):
        return self._examples(200, 220)

    def _examples(self, start, stop):
        numbers = np.arange(start, stop)
        images = np.broadcast_to(numbers[:, None, None, None], (len(numbers), 2, 3, 4))
        return Examples(images.astype(np.uint8), numbers.astype(np.int64))

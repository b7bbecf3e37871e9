"""Small data sets in the published archive formats, which torchvision's classes can read too."""

import hashlib
import io
import tarfile
import zipfile
from collections.abc import Mapping
from itertools import count
from pathlib import Path

import numpy as np
import pytest
from PIL import Image
from scipy.io import savemat
from torchvision import datasets

ATTRIBUTES = ("Male", "Smiling", "Young")
MINUS_ONE = b"J\xff\xff\xff\xff"


def md5_of(path: Path) -> str:
    return hashlib.md5(path.read_bytes()).hexdigest()


def batch(data: np.ndarray, labels: np.ndarray) -> bytes:
    """Returns a batch of CIFAR-10 as Python 2 pickles it, from pickle's opcodes; data is uint8 [N, D]."""

    def text(value: bytes) -> bytes:
        return b"U" + bytes([len(value)]) + value

    shape = b"".join(b"M" + size.to_bytes(2, "little") for size in data.shape) + b"\x86"
    dtype = b"cnumpy\ndtype\n(" + text(b"u1") + b"K\x00K\x01tR(K\x03" + text(b"|") + b"NNN"
    dtype += 2 * MINUS_ONE + b"K\x00tb"
    raw = b"T" + data.size.to_bytes(4, "little") + data.tobytes()
    array = b"cnumpy.core.multiarray\n_reconstruct\n(cnumpy\nndarray\nK\x00\x85" + text(b"b") + b"tR"
    array += b"(K\x01" + shape + dtype + b"\x89" + raw + b"tb"
    numbers = b"](" + b"".join(b"K" + bytes([label]) for label in labels.tolist()) + b"e"
    return b"\x80\x02}(" + text(b"data") + array + text(b"labels") + numbers + b"u."


def meta(classes: tuple[str, ...]) -> bytes:
    names = b"".join(b"U" + bytes([len(name)]) + name.encode() for name in classes)
    return b"\x80\x02}U\x0blabel_names](" + names + b"es."


def tar_gz(path: Path, contents: Mapping[str, bytes]) -> None:
    with tarfile.open(path, "w:gz") as packed:
        for name, content in contents.items():
            info = tarfile.TarInfo(name)
            info.size = len(content)
            packed.addfile(info, io.BytesIO(content))


def cifar10(raw: Path, patch: pytest.MonkeyPatch, each: int = 8) -> None:
    """Writes the archive, with batches of `each` images, into `raw`."""
    raw.mkdir(parents=True)
    rng, theirs = np.random.default_rng(0), datasets.CIFAR10
    names = [name for name, _ in theirs.train_list + theirs.test_list]
    contents = {
        name: batch(rng.integers(0, 256, (each, 3072), np.uint8), rng.integers(0, 10, each)) for name in names
    }
    classes = ("airplane", "automobile", "bird", "cat", "deer", "dog", "frog", "horse", "ship", "truck")
    contents[theirs.meta["filename"]] = meta(classes)
    mixed = dict(sorted(contents.items(), reverse=True))  # the real archive is not sorted either
    tar_gz(raw / theirs.filename, {f"{theirs.base_folder}/{name}": c for name, c in mixed.items()})
    digests = {name: hashlib.md5(content).hexdigest() for name, content in contents.items()}
    for part in ("train_list", "test_list"):
        patch.setattr(theirs, part, [[name, digests[name]] for name, _ in getattr(theirs, part)])
    patch.setattr(theirs, "meta", theirs.meta | {"md5": digests[theirs.meta["filename"]]})
    patch.setattr(theirs, "tgz_md5", md5_of(raw / theirs.filename))


def svhn(raw: Path, patch: pytest.MonkeyPatch) -> None:
    """Writes the two .mat files into `raw`."""
    raw.mkdir(parents=True)
    rng, files = np.random.default_rng(0), dict(datasets.SVHN.split_list)
    for part, size in (("train", 30), ("test", 12)):
        url, name, _ = files[part]
        images = rng.integers(0, 256, (32, 32, 3, size), np.uint8)
        labels = np.arange(size, dtype=np.uint8)[:, None] % 10 + 1  # 1 … 10
        savemat(raw / name, {"X": images, "y": labels}, do_compression=True)
        files[part] = [url, name, md5_of(raw / name)]
    patch.setattr(datasets.SVHN, "split_list", files)


def png(image: np.ndarray) -> bytes:
    buffer = io.BytesIO()
    Image.fromarray(image).save(buffer, "PNG")
    return buffer.getvalue()


def omniglot(raw: Path, patch: pytest.MonkeyPatch) -> None:
    """Writes the two archives into `raw`: three alphabets of two characters by eight people."""
    folder = raw / datasets.Omniglot.folder
    folder.mkdir(parents=True)
    rng, numbers, digests = np.random.default_rng(0), count(1), {}
    for part, alphabets in (("images_background", ("Latin", "Greek")), ("images_evaluation", ("Gurmukhi",))):
        with zipfile.ZipFile(folder / f"{part}.zip", "w", zipfile.ZIP_DEFLATED) as packed:
            for alphabet in alphabets:
                for character in ("character01", "character02"):
                    number = next(numbers)
                    for hand in range(1, 9):
                        name = f"{part}/{alphabet}/{character}/{number:04}_{hand:02}.png"
                        packed.writestr(name, png(rng.random((105, 105)) < 0.9))
            packed.writestr(f"__MACOSX/{part}/Greek/._0001_01.png", b"no image")
        digests[part] = md5_of(folder / f"{part}.zip")
    patch.setattr(datasets.Omniglot, "zips_md5", digests)


def celeba(raw: Path, patch: pytest.MonkeyPatch, size: int = 40) -> dict[str, np.ndarray]:
    """Writes archive, attributes and partition into `raw`; returns the photographs, uint8 [218, 178, 3]."""
    folder = raw / datasets.CelebA.base_folder
    folder.mkdir(parents=True)
    rng = np.random.default_rng(0)
    images = {}
    with zipfile.ZipFile(folder / "img_align_celeba.zip", "w") as packed:
        packed.mkdir("img_align_celeba")
        for number in rng.permutation(size) + 1:
            buffer, coarse = io.BytesIO(), rng.integers(0, 256, (12, 10, 3), np.uint8)
            Image.fromarray(coarse).resize((178, 218)).save(buffer, "JPEG", quality=95)
            packed.writestr(f"img_align_celeba/{number:06}.jpg", buffer.getvalue())
            images[f"{number:06}.jpg"] = np.asarray(Image.open(buffer))
    has = rng.choice([-1, 1], (size, len(ATTRIBUTES)))
    # The published file aligns its columns, with more than one space between them.
    rows = [f"{n:06}.jpg " + " ".join(f"{v:2}" for v in row) for n, row in enumerate(has, 1)]
    lines = [str(size), " ".join(ATTRIBUTES) + " ", *rows]
    (folder / "list_attr_celeba.txt").write_text("\n".join(lines) + "\n")
    parts = [0] * (size - 12) + [1] * 4 + [2] * 8
    rows = [f"{n:06}.jpg {part}" for n, part in enumerate(parts, 1)]
    (folder / "list_eval_partition.txt").write_text("\n".join(rows) + "\n")
    file_list = [
        (file_id, md5_of(folder / name) if (folder / name).exists() else md5, name)
        for file_id, md5, name in datasets.CelebA.file_list
    ]
    patch.setattr(datasets.CelebA, "file_list", file_list)
    return dict(sorted(images.items()))


PLACED = {"cifar10": cifar10, "svhn": svhn, "omniglot": omniglot, "celeba": celeba}

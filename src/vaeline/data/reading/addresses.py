"""Files for which torchvision knows one address each: on the web, or at Google Drive."""

from collections.abc import Callable, Collection, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from vaeline.data.reading.downloads import connection_timeout
from vaeline.data.reading.sources import (
    LONGEST_REASON,
    MIRROR_FAILURES,
    DeliveryError,
    one_line,
    torchvision_dataset,
)

Addresses = Mapping[str, tuple[str, str]]
"""Address and MD5 of each file, by its name."""


@dataclass(frozen=True)
class WebFiles:
    """Single files of one of torchvision's data sets.

    Attributes:
        dataset: name of torchvision's class.
        addresses_in: returns the addresses that this class holds.
    """

    dataset: str
    addresses_in: Callable[[Any], Addresses]

    def __str__(self) -> str:
        return "torchvision's addresses"

    @property
    def addresses(self) -> Addresses:
        """Address and MD5 of each file that torchvision knows."""
        return self.addresses_in(torchvision_dataset(self.dataset))

    def digests(self) -> dict[str, str]:
        """Returns `md5:…` for the name of each file."""
        return {name: f"md5:{md5}" for name, (_, md5) in self.addresses.items()}

    def deliver(self, names: Collection[str], folder: Path) -> None:
        """Downloads one file after the other, with torchvision's progress bar."""
        from torchvision.datasets.utils import download_url

        for name in names:
            address, md5 = self.addresses[name]
            try:
                with connection_timeout():
                    download_url(address, folder, name, md5=md5)
            except MIRROR_FAILURES as error:
                raise DeliveryError(f"{address} {one_line(error)}") from None


@dataclass(frozen=True)
class GoogleDriveFiles(WebFiles):
    """Files at Google Drive, where an address is the id of a file.

    Google Drive refuses a file that has been downloaded often within the last day.

    Attributes:
        page: where to download the files by hand.
    """

    page: str

    def __str__(self) -> str:
        return "Google Drive"

    def deliver(self, names: Collection[str], folder: Path) -> None:
        """Downloads one file after the other, with gdown as torchvision calls it."""
        from gdown.exceptions import DownloadError
        from requests import RequestException
        from torchvision.datasets.utils import download_file_from_google_drive

        for name in names:
            file_id, md5 = self.addresses[name]
            try:
                download_file_from_google_drive(file_id, folder, name, md5=md5)
            except (*MIRROR_FAILURES, DownloadError, RequestException) as error:
                reason = one_line(error)[:LONGEST_REASON]
                raise DeliveryError(f"{name}: {reason}; download it by hand from {self.page}") from None

"""The files in data/raw: verified if present, and downloaded if not."""

import gzip
import hashlib
import tempfile
import zlib
from collections.abc import Iterable, Mapping, Sequence
from pathlib import Path

from vaeline.core.errors import VaelineError
from vaeline.data.reading.sources import DeliveryError, Source


def obtain(folder: Path, digests: Mapping[str, str], sources: Sequence[Source]) -> dict[str, Path]:
    """Returns the path in `folder` of each file named in `digests`, all of them verified.

    A file may also be there compressed, under its name with `.gz`; its digest is then that of the content.
    What is missing or damaged is downloaded, from each source in turn until nothing is missing.

    Args:
        folder: where the files belong.
        digests: `sha256:…` or `md5:…` of each file, by its name.
        sources: where to download from, in the order to try.

    Raises:
        VaelineError: if a file is still missing; the message says which file to put where.
    """
    folder.mkdir(parents=True, exist_ok=True)
    files = _verified(folder, digests)
    for path in _damaged(folder, [name for name in digests if name not in files]):
        print(f"{path}: damaged (wrong checksum), downloading it again")
    failures = []
    for source in sources:
        missing = {name: digest for name, digest in digests.items() if name not in files}
        if not missing:
            break
        print(f"downloading {', '.join(missing)} from {source}", flush=True)
        delivered, reason = _delivery(source, missing, folder)
        files |= delivered
        failures.append(f"{source}: {reason}")
    if unavailable := [name for name in digests if name not in files]:
        raise _unavailable(folder, unavailable, "; ".join(failures))
    return files


def _delivery(source: Source, digests: Mapping[str, str], folder: Path) -> tuple[dict[str, Path], str]:
    """Returns what `source` delivered, verified and moved into `folder`, and why anything is missing."""
    # Into a folder of its own first, because another experiment may be downloading into `folder` too.
    with tempfile.TemporaryDirectory(dir=folder, prefix=".downloading-") as temporary:
        reason = "what it delivered has another checksum"
        try:
            source.deliver(digests.keys(), Path(temporary))
        except DeliveryError as error:
            reason = str(error)
        good = _verified(Path(temporary), digests)
        return {name: path.replace(folder / path.name) for name, path in good.items()}, reason


def _unavailable(folder: Path, names: Sequence[str], reason: str) -> VaelineError:
    put = f"put {', '.join(names)} into {folder}"
    if damaged := _damaged(folder, names):
        return VaelineError(
            f"{damaged[0]}: damaged (wrong checksum), and no good copy could be downloaded ({reason}): "
            f"`rm {damaged[0]}` and {put}"
        )
    return VaelineError(f"the data could not be downloaded ({reason}): {put}")


def _damaged(folder: Path, names: Iterable[str]) -> list[Path]:
    """Returns the files that are present under `names`, none of which was verified."""
    return [copy for name in names for copy in _copies(folder, name)]


def _verified(folder: Path, digests: Mapping[str, str]) -> dict[str, Path]:
    good = ((name, [c for c in _copies(folder, name) if _matches(c, name, d)]) for name, d in digests.items())
    return {name: copies[0] for name, copies in good if copies}


def _copies(folder: Path, name: str) -> list[Path]:
    return [path for path in (folder / name, folder / f"{name}.gz") if path.is_file()]


def _matches(path: Path, name: str, digest: str) -> bool:
    algorithm, expected = digest.split(":")
    try:
        with path.open("rb") as file:
            content = file if path.name == name else gzip.GzipFile(fileobj=file)
            return hashlib.file_digest(content, algorithm).hexdigest() == expected
    except (gzip.BadGzipFile, EOFError, zlib.error):
        return False

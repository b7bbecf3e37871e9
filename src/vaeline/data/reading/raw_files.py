"""The files of data/raw: looked for, verified, and fetched where they are not there."""

import gzip
import hashlib
import tempfile
import zlib
from collections.abc import Mapping, Sequence
from pathlib import Path

from vaeline.core.errors import VaelineError
from vaeline.data.reading.sources import DeliveryError, Source


def obtain(folder: Path, digests: Mapping[str, str], sources: Sequence[Source]) -> dict[str, Path]:
    """Returns where each file named in `digests` lies in `folder`, every one of them verified.

    A digest is `sha256:…` or `md5:…`. A file may also lie there compressed, as its name with `.gz`: the
    digest is then that of what is inside. What is missing or damaged is fetched, from each source in
    turn until nothing is missing; raises VaelineError, with what to put where, if something still is.
    """
    folder.mkdir(parents=True, exist_ok=True)
    found = _verified(folder, digests)
    for path in _damaged(folder, [name for name in digests if name not in found]):
        print(f"{path}: damaged (its checksum is wrong), fetching a good one")
    failures = []
    for source in sources:
        missing = {name: digest for name, digest in digests.items() if name not in found}
        if not missing:
            break
        print(f"fetching {', '.join(missing)} from {source}", flush=True)
        delivered, why = _delivery(source, missing, folder)
        found |= delivered
        failures.append(f"{source}: {why}")
    if missing := [name for name in digests if name not in found]:
        raise _absent(folder, missing, "; ".join(failures))
    return found


def _delivery(source: Source, digests: Mapping[str, str], folder: Path) -> tuple[dict[str, Path], str]:
    """Returns what `source` delivered, verified and moved into `folder`, and why anything lacks."""
    # A folder of its own, and then a move: another experiment may be fetching into `folder` as well.
    with tempfile.TemporaryDirectory(dir=folder, prefix=".fetching-") as temporary:
        why = "what it delivered has another checksum"
        try:
            source.deliver(digests.keys(), Path(temporary))
        except DeliveryError as error:
            why = str(error)
        good = _verified(Path(temporary), digests)
        return {name: path.replace(folder / path.name) for name, path in good.items()}, why


def _absent(folder: Path, names: list[str], why: str) -> VaelineError:
    put = f"put {', '.join(names)} into {folder}"
    if damaged := _damaged(folder, names):
        wrong = f"{damaged[0]}: damaged (its checksum is wrong), and no good one could be fetched"
        return VaelineError(f"{wrong} ({why}): delete it and {put}")
    return VaelineError(f"the data could not be fetched ({why}): {put}")


def _damaged(folder: Path, names: list[str]) -> list[Path]:
    """Returns the files that lie there under `names`, none of which was verified."""
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

"""`data.path`: the file or folder of the user's own data, which DVC hashes before `prepare` runs."""

import os
import stat
from pathlib import Path
from typing import Protocol

from vaeline.core.errors import VaelineError
from vaeline.data.reading.dataset import DataSection
from vaeline.provenance.commands import exp_run_command


class PathSection(DataSection, Protocol):
    """The options in `data:` that a data set of one's own reads."""

    @property
    def path(self) -> str:
        """Where the data are."""


def own_path(name: str, section: PathSection) -> Path:
    """Returns `data.path`, relative to where the stage runs: that is what DVC has hashed, also in copies.

    Args:
        name: the data set, as in `data.name`.
        section: the section `data`.

    Raises:
        VaelineError: if it begins with ~, which DVC takes for a name.
    """
    path = Path(section.path)
    if section.path.startswith("~"):
        raise VaelineError(
            f"data.path = {section.path!r}: DVC does not know what ~ is: write the whole path, "
            f"`{path_command(name, path.expanduser())}`"
        )
    return path


def path_command(name: str, path: Path | str) -> str:
    """Returns the command that takes the data set `name` from `path`."""
    return exp_run_command({"data.name": name, "data.path": str(path)})


def check_hashable(path: Path) -> None:
    """Checks what is at `path`, or below it: DVC hashes all of it, waits at a FIFO, and stops at a dead link.

    Raises:
        VaelineError: for the first entry that is neither a file nor a folder.
    """
    entries = (Path(folder, name) for folder, _, names in os.walk(path) for name in names)
    for entry in entries if path.is_dir() else [path]:
        try:
            kind = entry.stat().st_mode
        except FileNotFoundError:
            if entry.is_symlink():
                raise VaelineError(f"{entry}: a link to nothing, which DVC cannot hash: remove it") from None
            continue  # prepare says that there is no such path, and what to do
        except OSError as error:
            raise VaelineError(f"{entry}: {os.strerror(error.errno or 0)}: DVC cannot hash it") from None
        if not stat.S_ISREG(kind):
            raise VaelineError(f"{entry}: neither a file nor a folder, DVC would wait for it: remove it")

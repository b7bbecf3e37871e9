"""`data.path`: the file or folder of the user's own data, which DVC hashes before `prepare` runs."""

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


class OwnData(Protocol):
    """A data set that is what `data.path` holds."""

    name: str
    options: PathSection


def own_path(dataset: OwnData) -> Path:
    """Returns `data.path`, relative to where the stage runs: that is what DVC has hashed, also in copies.

    Raises:
        VaelineError: if it begins with ~, which DVC takes for a name.
    """
    path = Path(dataset.options.path)
    if dataset.options.path.startswith("~"):
        command = path_command(dataset.name, path.expanduser())
        raise VaelineError(
            f"data.path = {dataset.options.path!r}: DVC does not know what ~ is: write the whole path, "
            f"`{command}`"
        )
    return path


def path_command(name: str, path: Path | str) -> str:
    """Returns the command that takes the data set `name` from `path`."""
    return exp_run_command({"data.name": name, "data.path": str(path)})

"""What the user is told: exceptions whose message is for the user, and warnings."""

import functools
import sys
from pathlib import Path


class VaelineError(Exception):
    """An error that the user can fix: its message is one line, which says what is wrong and what to do."""


class DamagedFileError(VaelineError):
    """A file whose content is not what was written into it.

    Attributes:
        path: the file.
        fault: that it is damaged, and how that is known.
        remedy: what to do; a stage, which knows what DVC has of the file, says more (`runtime.damage`).
    """

    def __init__(self, path: Path | str, fault: str, remedy: str) -> None:
        super().__init__(f"{path}: {fault}: {remedy}")
        self.path, self.fault, self.remedy = Path(path), fault, remedy


@functools.cache
def warn_once(message: str) -> None:
    """Prints a line on stderr, the first time that this process is to say it."""
    print(message, file=sys.stderr)


def first_line(error: Exception) -> str:
    """Returns the first line of what an error says."""
    return str(error).strip().partition("\n")[0]

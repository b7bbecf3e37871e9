"""What git says of this repository."""

import functools
import shlex
import subprocess

from vaeline.core.errors import VaelineError

_run = functools.partial(subprocess.run, capture_output=True, text=True, encoding="utf-8", errors="replace")


def git(*arguments: str) -> str:
    """Returns the output of a git command; raises VaelineError with the first line of its error message."""
    done = _run(["git", *arguments])
    if done.returncode:
        raise VaelineError(f"{shlex.join(['git', *arguments])}: {(done.stderr.splitlines() or [''])[0]}")
    return done.stdout


def git_or_empty(*arguments: str) -> str:
    """Returns the output of a git command, stripped, or "" if git or the repository is missing."""
    try:
        done = _run(["git", *arguments], timeout=20, check=True)
    except (OSError, subprocess.SubprocessError):
        return ""
    return done.stdout.strip()

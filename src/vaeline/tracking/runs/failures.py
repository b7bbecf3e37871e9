"""What is said of something that could not be logged."""

import sys
import textwrap

from vaeline.core.errors import VaelineError
from vaeline.tracking.runs.redaction import redacted

LOG_LATER = "outputs/ has everything; log it later with `dvc repro --force --single-item report`"
LONGEST_FAILURE = 300  # characters of a message that is not ours


def failure_reason(error: Exception) -> str:
    """Returns what went wrong, in one line without passwords; a message of ours stays whole."""
    if isinstance(error, VaelineError):
        return redacted(str(error))
    first = next(iter(redacted(str(error)).splitlines()), "")
    short = textwrap.shorten(first, LONGEST_FAILURE, placeholder=" …")
    return f"{type(error).__name__}: {short if len(short) > 2 else first[:LONGEST_FAILURE]}"


def warn_not_logged(error: Exception, consequence: str = "") -> None:
    """Prints one line: that MLflow failed, and how to log the run later."""
    say(f"not logged ({failure_reason(error)}); {consequence}{LOG_LATER}")


def say(message: str) -> None:
    """Prints one line about MLflow."""
    print(f"MLflow: {message}", file=sys.stderr, flush=True)

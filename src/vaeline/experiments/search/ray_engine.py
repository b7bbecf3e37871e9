"""The package ray: it takes a while to import, and need not be installed."""

import functools
import os
from typing import Any

from vaeline.core.errors import VaelineError


@functools.cache
def engine() -> Any:
    """Returns the package.

    Raises:
        VaelineError: It is not installed.
    """
    os.environ.setdefault("RAY_USAGE_STATS_ENABLED", "0")
    os.environ.setdefault("RAY_ACCEL_ENV_VAR_OVERRIDE_ON_ZERO", "0")
    try:
        import ray
        import ray.util.scheduling_strategies
    except ModuleNotFoundError as error:
        raise VaelineError(f"{error.name} is not installed: `pip install 'vaeline[ray]'`") from None
    return ray


def reason_of(error: BaseException) -> str:
    """Returns the last line of an error of Ray's, which says what it was."""
    return (str(error).strip().splitlines() or [type(error).__name__])[-1]

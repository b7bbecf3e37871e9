"""Commands that run an experiment, ready to be pasted into a shell."""

import re
import shlex
from collections.abc import Mapping
from typing import Any

from vaeline.core.params import param_text

PLAIN = re.compile(r"[\w./-]*")  # what DVC's overrides take without quotes


def override_value(value: Any) -> str:
    """Returns a param's value in the syntax of DVC's overrides."""
    if isinstance(value, str) and not PLAIN.fullmatch(value):
        return "'" + value.replace("'", r"\'") + "'"
    if isinstance(value, list | tuple):
        return "[" + ",".join(map(override_value, value)) + "]"
    if isinstance(value, bool):
        return str(value).lower()
    return "null" if value is None else param_text(value)


def override_arguments(changes: Mapping[str, Any]) -> list[str]:
    """Returns `key=value` for each change, as DVC's `-S` takes it."""
    return [f"{key}={override_value(value)}" for key, value in changes.items()]


def exp_run_command(changes: Mapping[str, Any]) -> str:
    """Returns the command that runs an experiment with `changes`, whose keys are dotted."""
    overrides = override_arguments(changes)
    return shlex.join(["dvc", "exp", "run", *(word for override in overrides for word in ("-S", override))])

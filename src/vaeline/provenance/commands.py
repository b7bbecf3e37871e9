"""Commands that run an experiment, ready to be pasted into a shell."""

import re
import shlex
from collections.abc import Mapping
from typing import Any

from vaeline.core.params import param_text

# What DVC's overrides read as text without quotes; all else could be a number, a list or a mistake.
BARE = re.compile(r"(?!(?:true|false|null|nan|inf)$)[a-z_/][\w/.-]*", re.ASCII | re.IGNORECASE)
PARAM_REFERENCE = re.compile(r"(\\*)\$\{")  # DVC replaces ${key} by another param, unless it is escaped
BEFORE_QUOTE = re.compile(r"\\+(?='|\Z)")


def override_value(value: Any) -> str:
    """Returns a param's value in the syntax of DVC's overrides."""
    if isinstance(value, str):
        return value if BARE.fullmatch(value) else quoted_text(value)
    if isinstance(value, list | tuple):
        return "[" + ",".join(map(override_value, value)) + "]"
    if isinstance(value, bool):
        return str(value).lower()
    return "null" if value is None else param_text(value)


def quoted_text(text: str) -> str:
    """Returns a text in quotes, as DVC's overrides read it: backslashes count before a quote or `${` only."""
    escaped = PARAM_REFERENCE.sub(lambda match: match[1] * 2 + r"\${", text)
    escaped = BEFORE_QUOTE.sub(lambda match: match[0] * 2, escaped)
    return "'" + escaped.replace("'", r"\'") + "'"


def override_arguments(changes: Mapping[str, Any]) -> list[str]:
    """Returns `key=value` for each change, as DVC's `-S` takes it."""
    return [f"{key}={override_value(value)}" for key, value in changes.items()]


def override_flags(changes: Mapping[str, Any]) -> str:
    """Returns the changes as `-S key=value -S key=value`, quoted for a shell."""
    return shlex.join([word for override in override_arguments(changes) for word in ("-S", override)])


def exp_run_command(changes: Mapping[str, Any]) -> str:
    """Returns the command that runs an experiment with `changes`, whose keys are dotted."""
    return f"dvc exp run {override_flags(changes)}".rstrip()

"""Overrides that a person types, `key=value`, read as DVC reads them and before anything runs."""

import re
import shlex
from typing import Any, cast

from dvc.utils.hydra import to_hydra_overrides
from hydra.core.override_parser.types import Override
from hydra.errors import HydraException
from omegaconf import OmegaConf
from omegaconf.errors import OmegaConfBaseException

from vaeline.core.errors import VaelineError
from vaeline.core.yaml import LONGEST_VALUE, shortened
from vaeline.provenance.commands import override_arguments

KEY = re.compile(r"[A-Za-z_][\w.]*")


def parsed_override(override: str) -> tuple[str, Any]:
    """Returns the key and the value of `key=value`.

    Raises:
        VaelineError: If DVC could not read it, or if it has several values.
    """
    parsed = _parsed(override)
    if parsed.is_sweep_override():
        raise VaelineError(f"{shortened(override)} has several values: give one{_as_text(override)}")
    try:  # as DVC does, which replaces ${key} by another param
        value = OmegaConf.to_object(OmegaConf.create([parsed.value()]))
    except OmegaConfBaseException:
        raise VaelineError(f"{shortened(override)} stands for another value{_as_text(override)}") from None
    return parsed.key_or_group, cast(list[Any], value)[0]


def parsed_range(setting: str) -> tuple[str, list[str]]:
    """Returns the key and the values of `key=value,value,…`, each as it stands in an override.

    Raises:
        VaelineError: If DVC could not read it.
    """
    parsed = _parsed(setting)
    if not parsed.is_sweep_override():
        return parsed.key_or_group, [parsed.get_value_element_as_str()]
    try:
        return parsed.key_or_group, list(parsed.sweep_string_iterator())
    except HydraException:  # glob() has no files to choose from here
        raise VaelineError(f"{shortened(setting)} has no values to list: use key=value,value,…") from None


def _parsed(override: str) -> Override:
    """Returns what DVC's own parser makes of an override that sets a param which exists."""
    if not KEY.fullmatch(override.partition("=")[0]) or "=" not in override:
        raise VaelineError(f"{shortened(override)} is no override: use key=value, as in data.name=digits")
    try:
        (parsed,) = to_hydra_overrides([override])
    except (HydraException, ValueError, RecursionError):  # the last two from numbers and brackets without end
        raise VaelineError(
            f"DVC cannot read the value of {shortened(override)}{_as_text(override)}"
        ) from None
    return cast(Override, parsed)


def _as_text(override: str) -> str:
    """Returns how the value is written if it is meant as it stands, or "" if nobody would type it again."""
    key, _, value = override.partition("=")
    if len(override) > LONGEST_VALUE or not value.isprintable():
        return ""
    return f"; as a text it is written {shlex.quote(override_arguments({key: value})[0])}"

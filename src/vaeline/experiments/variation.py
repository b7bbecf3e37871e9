"""Params with changes: without DVC, which reads the changes that a person types."""

import difflib
from collections.abc import Mapping
from typing import Any

from vaeline.config import ExperimentConfig
from vaeline.core.errors import VaelineError
from vaeline.core.params import flatten_params, nest_params, validated


def varied(
    params: Mapping[str, Any], changes: Mapping[str, Any], where: str = "params.yaml"
) -> ExperimentConfig:
    """Returns `params` with `changes`, whose keys are dotted.

    Raises:
        VaelineError: If a key is unknown or a value is wrong; the message begins with `where`.
    """
    values = flatten_params(params)
    if unknown := [key for key in changes if key not in values]:
        close = difflib.get_close_matches(unknown[0], values, n=1)
        meant = f" (did you mean '{close[0]}'?)" if close else ""
        raise VaelineError(f"{where}: unknown key '{unknown[0]}'{meant}")
    return validated(ExperimentConfig, nest_params({**values, **changes}), where)

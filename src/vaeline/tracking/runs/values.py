"""What MLflow keeps of a value, so that what it holds can be compared with what it is to hold."""

import hashlib
import math
import sys
from collections.abc import Mapping
from typing import Any

from vaeline.core.params import flatten_params, param_text

LONGEST_PARAM = 6000  # characters, in MLflow
LONGEST_TAG = 8000
HASH_LENGTH = 12  # characters of the hash that stands for what was cut off


def kept_text(value: str, longest: int) -> str:
    """Returns a text as it is written to MLflow: cut to `longest` characters, the last a hash of the whole.

    Databases refuse NUL and halves of surrogate pairs, which a YAML file may hold.
    """
    text = value.encode("utf-8", "replace").decode().replace("\0", "\ufffd")
    if len(text) <= longest:
        return text
    end = f"… ({hashlib.sha256(text.encode()).hexdigest()[:HASH_LENGTH]})"
    return text[: longest - len(end)] + end


def kept_params(params: Mapping[str, Any]) -> dict[str, str]:
    """Returns nested params with dotted keys, as MLflow keeps them."""
    flat = flatten_params(params)
    return {key: kept_text(param_text(value), LONGEST_PARAM) for key, value in flat.items()}


def kept_tags(tags: Mapping[str, str]) -> dict[str, str]:
    """Returns tags as MLflow keeps them."""
    return {key: kept_text(value, LONGEST_TAG) for key, value in tags.items()}


def same_number(one: float, other: float) -> bool:
    """Returns whether two metrics are equal in MLflow: NaN is a value, and infinity the largest float."""
    return _kept_number(one) == _kept_number(other) or (math.isnan(one) and math.isnan(other))


def _kept_number(value: float) -> float:
    return max(-sys.float_info.max, min(sys.float_info.max, float(value)))

"""The file of a search, such as space.yaml: which params vary and how they are chosen."""

import itertools
import math
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Literal, Self

from pydantic import Field, model_validator
from pydantic_core import PydanticCustomError

from vaeline.core.errors import VaelineError
from vaeline.core.params import BaseOptions, flatten_params, validated
from vaeline.core.yaml import read_yaml, shortened
from vaeline.experiments.overrides import parsed_override
from vaeline.experiments.variation import varied
from vaeline.provenance.commands import override_arguments
from vaeline.runtime.stage import MEASURED_STAGES

MOST_CORNERS = 4096  # combinations of the ends of all ranges that are checked before anything runs

Changes = dict[str, Any]
"""The value of each param that varies, by dotted key."""


class ParamRange(BaseOptions):
    """The range of one param: whole numbers where the param is one, otherwise real numbers."""

    low: float
    high: float
    step: float | None = Field(None, gt=0)
    log: bool = False

    @model_validator(mode="after")
    def _is_a_range(self) -> Self:
        if not self.low < self.high:
            raise PydanticCustomError("range", "low should be less than high")
        if self.log and (self.low <= 0 or self.step):
            raise PydanticCustomError("range", "log needs low > 0, and no step")
        return self


class SearchOptions(BaseOptions):
    """The keys of the file."""

    params: dict[str, Any] = Field(min_length=1)
    fixed: dict[str, Any] = Field({})
    sampler: Literal["grid", "random", "tpe"] = "tpe"
    trials: int | None = Field(None, ge=1)
    seed: int = Field(0, ge=0, lt=2**31)
    objectives: dict[str, Literal["maximize", "minimize"]] = Field(
        {"train/best_valid_elbo": "maximize"}, min_length=1, max_length=2
    )
    pruner: Literal["none", "asha"] = "none"
    min_epochs: int = Field(1, ge=1)
    reduction: int = Field(3, ge=2)

    @model_validator(mode="after")
    def _fits_together(self) -> Self:
        if (self.trials is None) != (self.sampler == "grid"):
            raise PydanticCustomError("trials", "random and tpe need trials, and a grid has its own number")
        if self.pruner != "none" and len(self.objectives) > 1:
            raise PydanticCustomError("pruner", "asha needs a single objective")
        for name in self.objectives:
            if name.partition("/")[0] not in MEASURED_STAGES:
                raise PydanticCustomError("objectives", f"{name!r} is no metric, such as evaluate/elbo")
        return self


@dataclass(frozen=True)
class SearchSpace:
    """A search: the options of its file, and the values that each param may have.

    Attributes:
        path: The file.
        options: What it says.
        ranges: A list of values, or a range, for each param that varies.
        fixed: What all trials change, by dotted key.
        base: All params, of which the search changes some.
        whole: The params that are whole numbers.
    """

    path: Path
    options: SearchOptions
    ranges: Mapping[str, list[Any] | ParamRange]
    fixed: Changes
    base: Mapping[str, Any]
    whole: frozenset[str]

    @classmethod
    def read(cls, path: Path, shared: tuple[str, ...] = ()) -> Self:
        """Reads a file.

        Args:
            path: The file.
            shared: `key=value` for each param that all trials change; it overrides what is under `fixed`.

        Raises:
            VaelineError: If a key or a value is wrong.
        """
        options = validated(SearchOptions, read_yaml(path), str(path))
        fixed = flatten_params(options.fixed) | dict(map(parsed_override, shared))
        base = varied(read_yaml("params.yaml"), fixed, str(path)).to_dict()
        flat = flatten_params(base)
        varied(base, {key: flat.get(key) for key in options.params}, str(path))  # refuses unknown keys
        ranges = {key: _range(path, key, value) for key, value in options.params.items()}
        whole = frozenset(key for key in ranges if type(flat[key]) is int)
        if twice := sorted(ranges.keys() & fixed.keys()):
            raise VaelineError(f"{path}: {twice[0]} varies and is set for all: leave one of them out")
        endless = [
            key for key, values in ranges.items() if isinstance(values, ParamRange) and not values.step
        ]
        if options.sampler == "grid" and (real := [key for key in endless if key not in whole]):
            raise VaelineError(
                f"{path}: params.{real[0]} has endless values: a grid needs a list of them, or a step"
            )
        return cls(path, options, ranges, fixed, base, whole)

    def values(self, key: str) -> list[Any]:
        """Returns all values of a param that has a list of them, whole numbers or a step."""
        values = self.ranges[key]
        if isinstance(values, list):
            return values
        step = values.step or 1
        count = math.floor((values.high - values.low) / step + 1e-9) + 1
        return [self.typed(key, values.low + i * step) for i in range(count)]

    def typed(self, key: str, value: Any) -> Any:
        """Returns a value as params.yaml has it: a whole number for a param that is one."""
        return int(value) if key in self.whole and isinstance(value, float) else value

    def grid(self) -> list[Changes]:
        """Returns every combination of the values."""
        columns = [self.values(key) for key in self.ranges]
        return [dict(zip(self.ranges, row, strict=True)) for row in itertools.product(*columns)]

    def corners(self) -> Iterator[Changes]:
        """Yields combinations of the ends of all ranges and of all listed values, as far as they are few."""
        columns = [
            values
            if isinstance(values, list)
            else [self.typed(key, end) for end in (values.low, values.high)]
            for key, values in self.ranges.items()
        ]
        for row in itertools.islice(itertools.product(*columns), MOST_CORNERS):
            yield dict(zip(self.ranges, row, strict=True))

    def params(self, changes: Changes) -> dict[str, Any]:
        """Returns the params of a trial.

        Raises:
            VaelineError: If params.yaml would not accept them.
        """
        return varied(self.base, changes, str(self.path)).to_dict()

    def overrides(self, changes: Changes) -> tuple[str, ...]:
        """Returns `key=value` for each param that a trial sets."""
        return tuple(override_arguments(self.fixed | changes))

    def check(self, trials: list[Changes]) -> None:
        """Raises VaelineError if params.yaml would not accept some of `trials`, with the first of them."""
        wrong: list[tuple[int, Changes, str]] = []
        for number, changes in enumerate(trials, start=1):
            try:
                self.params(changes)
            except VaelineError as error:
                wrong.append((number, changes, str(error).removeprefix(f"{self.path}: ")))
        if wrong:
            number, changes, reason = wrong[0]
            raise VaelineError(
                f"{self.path}: {len(wrong)} of {len(trials)} trials are invalid, the first is trial {number} "
                f"({' '.join(override_arguments(changes))}): {reason}"
            )


def _range(path: Path, key: str, value: Any) -> list[Any] | ParamRange:
    if isinstance(value, list):
        if not value:
            raise VaelineError(f"{path}: params.{key} has no values")
        return value
    if not isinstance(value, dict):
        raise VaelineError(
            f"{path}: params.{key} = {shortened(value)} is not allowed: use a list of values, or low and high"
        )
    return validated(ParamRange, value, str(path), f"params.{key}")

"""The hyperparameters of params.yaml: typed, frozen, and rejected with a one-line error where they are wrong.

The flat keys are defined here. A section (`prior:`, `data:` …) belongs to the table of its parts, see
`registry`; `config.ExperimentConfig` joins both into the typed form of the whole file.
"""

import difflib
import unicodedata
from collections.abc import Mapping
from pathlib import Path
from typing import Annotated, Any, Literal, Self, TypeVar

from pydantic import (
    AfterValidator,
    BaseModel,
    ConfigDict,
    Field,
    ValidationError,
    field_validator,
    model_validator,
)
from pydantic_core import PydanticCustomError

from vaeline.core.errors import VaelineError
from vaeline.core.yaml import read_yaml, shortened

UNPRINTABLE = ("Cc", "Cs")  # categories of Unicode: control characters and halves of pairs


class BaseOptions(BaseModel):
    """Base of everything read from params.yaml: frozen, strict, and closed to unknown keys."""

    model_config = ConfigDict(frozen=True, extra="forbid", strict=True, allow_inf_nan=False)

    @field_validator("*")
    @classmethod
    def _text_fits_a_command(cls, value: Any) -> Any:
        if not isinstance(value, str):
            return value
        if value == "???":  # OmegaConf's, which DVC reads overrides with
            raise PydanticCustomError("text", "should be another text: this one means a missing value")
        if any(unicodedata.category(c) in UNPRINTABLE and c not in "\t\n" for c in value):
            raise PydanticCustomError("text", "should have no control characters, which no command can set")
        return value


def _none_or_several(value: int) -> int:
    if value == 1:
        raise PydanticCustomError("images", "should be 0, or at least 2, so that their mean has an error")
    return value


Images = Annotated[int, Field(ge=0), AfterValidator(_none_or_several)]


FindingName = Literal[
    "all",
    "unstable_training",
    "posterior_collapse",
    "underfitting",
    "overfitting",
    "uncalibrated_likelihood",
    "dead_dimensions",
    "blurry_reconstructions",
    "holes",
    "low_diversity",
    "entangled",
]
"""The findings on which a gate may fail; see `diagnosis.detectors`."""


RISING_SCHEDULES = ("one_cycle", "linear")
"""Schedules of the learning rate that begin with a rise."""


class Hyperparameters(BaseOptions):
    """The keys at the top level of params.yaml, so that `dvc exp run -S beta=4` works."""

    experiment_name: str = Field("vae_mnist", min_length=1)
    notes: str = ""
    seed: int = Field(42, ge=0, lt=2**63)
    device: Literal["auto", "cpu", "cuda"] = "auto"

    hidden_dim: int = Field(400, ge=1)
    latent_dim: int = Field(20, ge=1)

    batch_size: int = Field(128, ge=1)
    accumulate: int = Field(1, ge=1)
    epochs: int = Field(30, ge=1)
    learning_rate: float = Field(1e-3, gt=0)
    lr_schedule: Literal["constant", "cosine", "one_cycle", "linear", "burda", "plateau"] = "constant"
    lr_warmup_epochs: float = Field(0.0, ge=0)
    lr_plateau_patience: int = Field(10, ge=1)
    lr_plateau_factor: float = Field(0.5, gt=0, lt=1)
    weight_decay: float = Field(0.0, ge=0)
    batch_reduction: Literal["mean", "sum"] = "mean"
    shuffle: bool = True
    grad_clip: float = Field(0.0, ge=0)
    max_skipped_updates: int = Field(20, ge=0)
    precision: Literal["float32", "bfloat16"] = "float32"
    compile: Literal["auto", "always", "never"] = "auto"
    ema_decay: float = Field(0.0, ge=0, lt=1)
    init_from: str = Field("data/init/random", min_length=1)

    augment_flip: float = Field(0.0, ge=0, le=1)
    augment_shift: int = Field(0, ge=0)
    augment_crop: int = Field(0, ge=0)

    beta: float = Field(1.0, ge=0)
    kl_warmup_epochs: float = Field(0.0, ge=0)
    kl_schedule: Literal["linear", "cyclical"] = "linear"
    kl_cycles: int = Field(4, ge=1)
    free_bits: float = Field(0.0, ge=0)

    val_every: int = Field(1, ge=1)
    patience: int = Field(0, ge=0)
    stop_after: int = Field(0, ge=0)
    checkpoint_every: int = Field(10, ge=1)
    select: Literal["best", "last"] = "best"

    elbo_samples: int = Field(10, ge=1)
    iwae_k: int = Field(100, ge=1)
    target_nll: float | None = None
    target_rule: Literal["within", "at_most"] = "within"
    target_tolerance: float = Field(0.3, ge=0)
    ais_images: Images = 0
    ais_steps: int = Field(1000, ge=1)
    compress_images: Images = 0
    fid_samples: int = Field(2048, ge=3)
    fid_inception: Literal["auto", "require", "skip"] = "auto"

    gate: list[FindingName] = []
    register_as: str = Field("", pattern=r"^[^/:]*$", max_length=250)

    @model_validator(mode="after")
    def _learning_rate_rises_once(self) -> Self:
        if self.lr_warmup_epochs > 0 and self.lr_schedule in RISING_SCHEDULES:
            raise ValueError(
                f"lr_warmup_epochs = {self.lr_warmup_epochs:g}: lr_schedule = '{self.lr_schedule}' rises by "
                "itself: set lr_warmup_epochs to 0, or lr_schedule to constant, cosine, burda or plateau"
            )
        return self

    @model_validator(mode="after")
    def _cycles_reach_beta(self) -> Self:
        if self.kl_schedule == "cyclical" and not 0 < self.kl_warmup_epochs <= self.epochs / self.kl_cycles:
            raise ValueError(
                f"kl_schedule = 'cyclical' needs kl_warmup_epochs above 0 and at most epochs / kl_cycles = "
                f"{self.epochs / self.kl_cycles:g}, found {self.kl_warmup_epochs:g}"
            )
        return self


OptionsT = TypeVar("OptionsT", bound=BaseOptions)


def validated(model: type[OptionsT], values: Any, where: str = "params.yaml", section: str = "") -> OptionsT:
    """Returns an instance of `model` with `values`.

    Args:
        model: the typed form.
        values: a mapping, or anything else, which is rejected.
        where: the file to name in an error.
        section: the section that `values` are, to name keys as in the file.

    Raises:
        VaelineError: for the first value that is wrong, with the key, the value and what is allowed.
    """
    try:
        return model.model_validate(values)
    except ValidationError as error:
        raise VaelineError(f"{where}: {_one_line(model, error, section)}") from None


def _one_line(model: type[BaseModel], error: ValidationError, section: str) -> str:
    first = error.errors()[0]
    key = ".".join([*([section] if section else []), *map(str, first["loc"])])
    if first["type"] == "extra_forbidden":
        return f"unknown key '{key}'{_nearest(model, first['loc'])}"
    reason = first["msg"].removeprefix("Value error, ")
    return f"{key} = {shortened(first['input'])} is not allowed: {reason.lower()}" if key else reason


def _nearest(model: type[BaseModel], location: tuple[int | str, ...]) -> str:
    for part in location[:-1]:
        annotation = model.model_fields[str(part)].annotation
        if not (isinstance(annotation, type) and issubclass(annotation, BaseModel)):
            return ""
        model = annotation
    close = difflib.get_close_matches(str(location[-1]), model.model_fields, n=1)
    return f" (did you mean '{close[0]}'?)" if close else f" (known: {', '.join(model.model_fields)})"


def flatten_params(values: Mapping[str, Any], prefix: str = "") -> dict[str, Any]:
    """Returns nested params with dotted keys, as in `dvc exp run -S`: the inverse of `nest_params`."""
    result: dict[str, Any] = {}
    for key, value in values.items():
        result |= (
            flatten_params(value, f"{prefix}{key}.")
            if isinstance(value, Mapping)
            else {f"{prefix}{key}": value}
        )
    return result


def param_text(value: Any) -> str:
    """Returns a param's value as text, the same for 4 and 4.0."""
    whole = isinstance(value, float) and value.is_integer() and abs(value) < 1e15
    return str(int(value)) if whole else str(value)


def nest_params(values: Mapping[str, Any]) -> dict[str, Any]:
    """Returns params with dotted keys as nested ones: the inverse of `flatten_params`."""
    result: dict[str, Any] = {}
    for key, value in values.items():
        *path, last = key.split(".")
        place = result
        for part in path:
            place = place.setdefault(part, {})
        place[last] = value
    return result


class StageParams:
    """The params that one stage may read: those that its entry in dvc.yaml lists, as attributes.

    A stage declares those that it reads as a Protocol. They are also saved in a checkpoint (`to_dict`), so
    that a model is rebuilt from the values that it was trained with.
    """

    def __init__(self, values: Mapping[str, Any]) -> None:
        self._values = dict(values)

    def __getattr__(self, key: str) -> Any:
        if key.startswith("_") or key not in self._values:
            raise AttributeError(f"'{key}' is not a param of this stage: list it under params: in dvc.yaml")
        return self._values[key]

    def to_dict(self) -> dict[str, Any]:
        """Returns the params as plain values."""
        return dict(self._values)

    @classmethod
    def load(cls, stage: str, params: Path | str = "params.yaml", pipeline: Path | str = "dvc.yaml") -> Self:
        """Reads params.yaml, checks its flat keys, and keeps what dvc.yaml lists for `stage`.

        The values inside a section are checked by the table of its parts.

        Raises:
            VaelineError: for a wrong value of a flat key, a section that no stage lists, and a missing one.
        """
        values = read_yaml(params)
        listed = {name: entry.get("params", []) for name, entry in read_yaml(pipeline)["stages"].items()}
        section_names = set().union(*listed.values()) - set(Hyperparameters.model_fields)
        sections = {key: value for key, value in values.items() if key in section_names}
        flat = {key: value for key, value in values.items() if key not in sections}
        checked = validated(Hyperparameters, flat, str(params)).model_dump() | sections
        if missing := [key for key in listed[stage] if key not in checked]:
            raise VaelineError(f"{params}: the section '{missing[0]}' is missing")
        return cls({key: checked[key] for key in listed[stage]})

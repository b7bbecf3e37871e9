"""Presets: named protocols, each a small YAML file of overrides in `presets/`."""

from collections.abc import Mapping
from pathlib import Path
from typing import Any

from vaeline.config import ExperimentConfig
from vaeline.core.errors import VaelineError
from vaeline.core.params import flatten_params, read_yaml
from vaeline.experiments.find import varied

PRESETS = Path("presets")


def preset_names(directory: Path = PRESETS) -> list[str]:
    """Returns the presets that can be run; a file that another one extends is a part of it.

    Raises:
        VaelineError: If there is no such directory.
    """
    if not directory.is_dir():
        raise VaelineError(f"{directory}: no such directory; run from the repository's root")
    paths = sorted(directory.glob("*.yaml"))
    parts = {part for path in paths for part in _parts(read_yaml(path))}
    return [path.stem for path in paths if path.stem not in parts]


def preset_overrides(name: str, directory: Path = PRESETS) -> dict[str, Any]:
    """Returns what a preset changes, with dotted keys; it overrides what it extends.

    Raises:
        VaelineError: If there is no such preset, or if params.yaml would not accept its values.
    """
    path = directory / f"{name}.yaml"
    if not path.is_file():
        raise VaelineError(f"no preset '{name}': {directory} has {', '.join(preset_names(directory))}")
    values = read_yaml(path)
    parts = _parts(values)
    own = flatten_params({key: value for key, value in values.items() if key != "extends"})
    merged = {k: v for part in parts for k, v in preset_overrides(part, directory).items()} | own
    varied(ExperimentConfig().to_dict(), merged, where=str(path))
    return merged


def preset_config(name: str, directory: Path = PRESETS) -> ExperimentConfig:
    """Returns the configuration of a preset: the defaults with what it changes."""
    return varied(ExperimentConfig().to_dict(), preset_overrides(name, directory))


def _parts(values: Mapping[str, Any]) -> list[str]:
    extends = values.get("extends", [])
    return [extends] if isinstance(extends, str) else list(extends)

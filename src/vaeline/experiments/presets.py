"""Presets: named protocols, each a small YAML file of overrides in `presets/`."""

from collections.abc import Mapping
from pathlib import Path
from typing import Any

from vaeline.config import ExperimentConfig
from vaeline.core.errors import VaelineError
from vaeline.core.params import flatten_params
from vaeline.core.yaml import read_yaml
from vaeline.experiments.variation import varied

PRESETS = Path("presets")


def preset_names(directory: Path = PRESETS) -> list[str]:
    """Returns the presets that can be run; a file that another one extends is a part of it.

    Raises:
        VaelineError: If there is no such directory.
    """
    if not directory.is_dir():
        raise VaelineError(f"{directory}: no such directory; run from the repository's root")
    paths = sorted(directory.glob("*.yaml"))
    parts = {part for path in paths for part in _parts(read_yaml(path), path)}
    return [path.stem for path in paths if path.stem not in parts]


def preset_overrides(name: str, directory: Path = PRESETS) -> dict[str, Any]:
    """Returns what a preset changes, with dotted keys; it overrides what it extends.

    Raises:
        VaelineError: If there is no such preset, or if params.yaml would not accept its values.
    """
    return _overrides(name, directory, ())


def _overrides(name: str, directory: Path, extended_by: tuple[str, ...]) -> dict[str, Any]:
    path = directory / f"{name}.yaml"
    if f"{name}.yaml" not in {path.name for path in directory.glob("*.yaml")}:  # a name alone, and no path
        raise VaelineError(f"no preset {name!r}: {directory} has {', '.join(preset_names(directory))}")
    if name in extended_by:
        raise VaelineError(f"{path}: extends itself, by way of {' and '.join(extended_by)}")
    values = read_yaml(path)
    own = flatten_params({key: value for key, value in values.items() if key != "extends"})
    chain = (*extended_by, name)
    merged = {k: v for part in _parts(values, path) for k, v in _overrides(part, directory, chain).items()}
    varied(ExperimentConfig().to_dict(), merged | own, where=str(path))
    return merged | own


def preset_config(name: str, directory: Path = PRESETS) -> ExperimentConfig:
    """Returns the configuration of a preset: the defaults with what it changes."""
    return varied(ExperimentConfig().to_dict(), preset_overrides(name, directory))


def _parts(values: Mapping[str, Any], path: Path) -> list[str]:
    extends = values.get("extends", [])
    parts = extends if isinstance(extends, list) else [extends]
    if wrong := [part for part in parts if not isinstance(part, str)]:
        raise VaelineError(f"{path}: extends = {wrong[0]!r} is not allowed: should be the name of a preset")
    return parts

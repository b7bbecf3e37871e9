"""Presets: named protocols, each a small file of overrides, run and recorded by one command.

`python -m vaeline.experiments.presets NAME` trains and evaluates presets/NAME.yaml as a DVC experiment
of that name, and leaves docs/results/records/NAME.json. One that was stopped goes on when it is called again.
"""

import json
import subprocess
import sys
from collections.abc import Callable, Iterable, Mapping, Sequence
from pathlib import Path
from typing import Any

import dvc.api

from vaeline.config import ExperimentConfig
from vaeline.core.errors import VaelineError
from vaeline.core.files import read_json, write_json
from vaeline.core.params import flatten_params, read_yaml
from vaeline.core.progress import bar
from vaeline.evaluation.estimators.estimate import estimate_text
from vaeline.experiments.find import varied
from vaeline.experiments.launch import failure, running_experiment, stoppable, watch
from vaeline.experiments.results import RECORDS
from vaeline.provenance import commands
from vaeline.provenance.origin import unsaved_sources

PRESETS = Path("presets")
SCORES = (
    *("mig", "sap", "dci_disentanglement", "dci_completeness", "dci_informativeness"),
    *("beta_vae_score", "factor_vae_score"),
)
"""Of disentanglement, where the data's factors are known."""
RESULTS = {
    "evaluate": (
        *("nll", "nll_se", "elbo", "elbo_se", "iwae", "iwae_se", "bits_per_dim", "bits_per_dim_se", "ess"),
        *("rate", "rate_se", "distortion", "distortion_se"),
        *("train_active_units", "train_active_units_by_layer", "target_nll", "nll_minus_target", "verdict"),
    ),
    "fid": (
        *("fid_classifier", "fid_classifier_se", "fid_classifier_floor"),
        *("conditional_accuracy", "conditional_accuracy_se"),
    ),
    "diagnose": tuple(name + end for name in SCORES for end in ("", "_se")),
}


def preset_names(directory: Path = PRESETS) -> list[str]:
    """Returns the presets that can be run: those that others extend are parts."""
    paths = sorted(directory.glob("*.yaml"))
    parts = {part for path in paths for part in _parts(read_yaml(path))}
    return [path.stem for path in paths if path.stem not in parts]


def preset_overrides(name: str, directory: Path = PRESETS) -> dict[str, Any]:
    """Returns what a preset changes, with dotted keys; what it extends comes first, and it has the last word.

    Raises VaelineError for a preset that is not there, and for what params.yaml would not take.
    """
    path = directory / f"{name}.yaml"
    if not path.is_file():
        raise VaelineError(f"no preset '{name}': {directory} has {', '.join(preset_names(directory))}")
    values = read_yaml(path)
    parts = _parts(values)
    own = flatten_params({key: value for key, value in values.items() if key != "extends"})
    merged = {k: v for part in parts for k, v in preset_overrides(part, directory).items()} | own
    config(merged, where=str(path))
    return merged


def _parts(values: Mapping[str, Any]) -> list[str]:
    extends = values.get("extends", [])
    return [extends] if isinstance(extends, str) else list(extends)


def config(changes: Mapping[str, Any], where: str = "params.yaml") -> ExperimentConfig:
    """Returns the defaults of params.yaml with `changes`, whose keys are dotted."""
    return varied(ExperimentConfig().to_dict(), changes, where)


def run_preset(name: str) -> Path:
    """Runs a preset as the DVC experiment of its name and returns the path of its record.

    Raises VaelineError where code or params are not committed: a record names the commit that made it.
    """
    changes = preset_overrides(name)
    if files := unsaved_sources("params.yaml"):
        raise VaelineError(f"commit {', '.join(files)} first: a record names the commit that made it")
    subprocess.run(["dvc", "exp", "remove", "--quiet", name], capture_output=True, check=False)
    with (
        bar(total=1, desc="preset", unit=" preset") as shown,
        running_experiment(commands.override_arguments(changes), name) as process,
    ):
        watch(process, name, shown)
    if process.returncode:
        raise VaelineError(f"{failure(name)}; the same command goes on with it")
    path = RECORDS / f"{name}.json"
    summary = json.loads(dvc.api.read("outputs/report/summary.json", rev=name))
    write_json(path, record(name, changes, summary))
    return path


def presets_to_run(wanted: Sequence[str], known: Sequence[str], prefix: str, where: str) -> list[str]:
    """Returns the presets prefix-NAME of the names that are wanted, or else of all `known` without a record.

    Raises VaelineError for a name that is not known; `where` says of what.
    """
    if unknown := [name for name in wanted if name not in known]:
        raise VaelineError(f"NAME: there is no '{unknown[0]}' {where} (known: {' '.join(known)})")
    if wanted:
        return [prefix + name for name in wanted]
    kept = recorded()
    return [prefix + name for name in known if prefix + name not in kept]


def run_all(names: Iterable[str], target: str, ran: Callable[[str], object]) -> None:
    """Runs presets one after the other, and calls `ran` with the name of each that ended well.

    Raises VaelineError at the end where one failed: the others run.
    """
    failed = []
    for name in names:
        try:
            run_preset(name)
        except VaelineError as error:
            failed.append(str(error))
            print(f"{target}: {error}", file=sys.stderr)
        else:
            ran(name)
    if failed:
        raise VaelineError(f"{len(failed)} failed, first of all: {failed[0]}")


def record(name: str, changes: Mapping[str, Any], summary: Mapping[str, Any]) -> dict[str, Any]:
    """Returns what is kept of a run: its params, data, commit, versions and results."""
    metrics, training = summary["metrics"], dict(summary["training"])
    results = {
        key: metrics[f"{stage}/{key}"]
        for stage, keys in RESULTS.items()
        for key in keys
        if f"{stage}/{key}" in metrics
    }
    return {
        "preset": name,
        "overrides": dict(changes),
        "params": summary["params"],
        "data": {key.split("/")[1]: value for key, value in metrics.items() if key.endswith("_sha256")},
        "epochs": metrics["train/epochs"],
        "seconds": training.pop("seconds"),
        "training": {key: value for key, value in training.items() if key != "run_id"},
        "evaluation": summary["evaluation"],
        "results": results,
    }


def recorded(directory: Path = RECORDS) -> dict[str, dict[str, Any]]:
    """Returns the records that there are, by preset."""
    return {path.stem: read_json(path) for path in sorted(directory.glob("*.json"))}


def main() -> None:
    """Runs the presets that are named, one after the other."""
    with stoppable("preset"):
        for name in sys.argv[1:]:
            results = read_json(run_preset(name))["results"]
            print(f"{name}: NLL {estimate_text(results, 'nll')}", results.get("verdict", ""))
        if not sys.argv[1:]:
            print("\n".join(preset_names()))


if __name__ == "__main__":
    main()

"""Records: what is kept of a preset's run, as JSON in the repository."""

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from vaeline.core.files import read_json
from vaeline.diagnosis.detectors import DETECTORS
from vaeline.experiments.find import PATH_PARAM
from vaeline.experiments.results import RECORDS

PresetRecord = dict[str, Any]

SCORES = (
    *("mig", "sap", "dci_disentanglement", "dci_completeness", "dci_informativeness"),
    *("beta_vae_score", "factor_vae_score", "mig_sampled", "sap_svm"),
    *("dci_disentanglement_boosted", "dci_completeness_boosted", "dci_informativeness_boosted"),
)
"""Scores of disentanglement, for data whose factors are known."""
REMEDIED_BY = ("binary_share", "best_epoch")
"""Measures that remedies read, and no detector does."""
DIAGNOSED = (*SCORES, *REMEDIED_BY, *(name for detector in DETECTORS for name in detector.measures()))
RECORDED_METRICS = {
    "evaluate": (
        *("nll", "nll_se", "elbo", "elbo_se", "iwae", "iwae_se", "bits_per_dim", "bits_per_dim_se", "ess"),
        *("rate", "rate_se", "distortion", "distortion_se"),
        *("train_active_units", "train_active_units_by_layer", "train_active_units_one_draw_by_layer"),
        *("target_nll", "nll_minus_target", "verdict"),
    ),
    "fid": (
        *("fid_classifier", "fid_classifier_se", "fid_classifier_floor"),
        *("conditional_accuracy", "conditional_accuracy_se"),
    ),
    "diagnose": tuple(name + end for name in sorted(set(DIAGNOSED)) for end in ("", "_se")),
}
"""The metrics of each stage that a record holds, where the run has them."""
RECORDED_OF_FINDINGS = ("name", "level", "sure", "says", "changes")


def preset_record(
    name: str,
    changes: Mapping[str, Any],
    summary: Mapping[str, Any],
    findings: Sequence[Mapping[str, Any]] = (),
) -> PresetRecord:
    """Returns the record of a run: its params, data, commit, versions, results and findings.

    Args:
        name: The preset.
        changes: What it changed, with dotted keys.
        summary: The content of the run's `outputs/report/summary.json`.
        findings: Those in the run's `outputs/report/findings.json`.
    """
    metrics, training, params = summary["metrics"], dict(summary["training"]), dict(summary["params"])
    if PATH_PARAM in changes:  # an experiment, which runs in a copy of the repository, is given a whole path
        params["data"] = params["data"] | {"path": changes[PATH_PARAM]}
    results = {
        key: metrics[f"{stage}/{key}"]
        for stage, keys in RECORDED_METRICS.items()
        for key in keys
        if f"{stage}/{key}" in metrics
    }
    return {
        "preset": name,
        "overrides": dict(changes),
        "params": params,
        "data": {key.split("/")[1]: value for key, value in metrics.items() if key.endswith("_sha256")},
        "epochs": metrics["train/epochs"],
        "seconds": training.pop("seconds"),
        "training": {key: value for key, value in training.items() if key != "run_id"},
        "evaluation": summary["evaluation"],
        "results": results,
        "findings": [{key: finding[key] for key in RECORDED_OF_FINDINGS} for finding in findings],
    }


def machine_text(origin: Mapping[str, str]) -> str:
    """Returns the GPU of a training, and how many shared it, or "CPU"."""
    gpu, together = origin.get("hardware.gpu"), origin.get("together", "1")
    return "CPU" if gpu is None else gpu if together == "1" else f"{gpu}, {together} at a time"


def record_name(preset: str, seed: int | None = None) -> str:
    """Returns the name of a preset's record: the preset's own, or `PRESET-seed-S` for a further seed S."""
    return preset if seed is None else f"{preset}-seed-{seed}"


def record_path(preset: str, seed: int | None = None) -> Path:
    """Returns the path of a preset's record."""
    return RECORDS / f"{record_name(preset, seed)}.json"


def bounds_path(preset: str, seed: int | None = None) -> Path:
    """Returns the path of the bounds of each test image that belong to a record of a published number."""
    return RECORDS / "bounds" / f"{record_name(preset, seed)}.npz"


def seeded(changes: Mapping[str, Any], seed: int | None) -> dict[str, Any]:
    """Returns the overrides of a preset, run with another `seed` than its own."""
    return dict(changes) if seed is None else {**changes, "seed": seed}


def load_records(directory: Path = RECORDS) -> dict[str, PresetRecord]:
    """Returns the records in `directory`, by their names, see `record_name`."""
    return {path.stem: read_json(path) for path in sorted(directory.glob("*.json"))}

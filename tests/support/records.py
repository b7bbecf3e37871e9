"""What a run of a preset leaves, made up."""

from typing import Any

from vaeline.experiments.presets import preset_config


def summary(preset: str, **metrics: Any) -> dict[str, Any]:
    """Returns the content of a run's summary.json, with `metrics` besides."""
    return {
        "metrics": {
            "evaluate/nll": 86.5, "evaluate/nll_se": 0.2, "evaluate/elbo": -90.0, "evaluate/elbo_se": 0.2,
            "evaluate/ess": 30.0, "evaluate/train_active_units": 21, "evaluate/verdict": "pass",
            "evaluate/train_active_units_by_layer": "16+5", "evaluate/target_nll": 86.76,
            "evaluate/train_active_units_one_draw_by_layer": "16+6",
            "evaluate/nll_minus_target": -0.26, "prepare/train_sha256": "ab", "train/epochs": 500,
            "check/elbo_of_another_stage": 1.0,
        } | metrics,
        "params": preset_config(preset).to_dict(),
        "training": {"run_id": "1", "seconds": 5400.0, "git.commit": "c"},
        "evaluation": {"git.commit": "d"},
    }  # fmt: skip

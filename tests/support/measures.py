"""Measures of a training in which no detector finds a problem."""

HEALTHY = {
    "kl": 25.2, "kl_se": 0.1, "z_gain": 180.0, "z_gain_se": 1.0,
    "latent_dims": 20, "unused_units": 0, "unused_share": 0.0, "crowding": 1.3,
    "exchange_rate": 1.05, "exchange_rate_se": 0.01,
    "calibration_cost": 0.002, "calibration_cost_se": 0.001,
    "sharpness": 0.45, "sharpness_se": 0.005, "binary_share": 0.9,
    "coverage": 0.45, "coverage_se": 0.015, "coverage_aggregate": 0.9, "coverage_aggregate_se": 0.01,
    "coverage_real": 0.9, "coverage_real_se": 0.01,
    "recall": 0.7, "recall_se": 0.01, "recall_aggregate": 0.8, "recall_aggregate_se": 0.01,
    "recall_ratio": 0.88, "recall_ratio_se": 0.02,
    "coverage_ratio": 0.56, "coverage_ratio_se": 0.02, "diversity": 0.9, "diversity_se": 0.02,
    "skipped_updates": 0, "spike_share": 0.0, "largest_variance": 1.4,
    "decline": 0.0, "decline_se": 1e-4, "generalisation_gap": 0.001, "generalisation_gap_se": 1e-4,
    "late_gain": 0.0005, "late_gain_se": 1e-4, "best_epoch": 30,
    "mig": 0.5, "mig_se": 0.02, "image_information": 10.8, "excess_rate": -2.0, "excess_rate_se": 0.1,
    "active_units": 20,
}  # fmt: skip

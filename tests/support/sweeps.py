"""Made-up experiments, whose means and deviations are known by hand."""

from pathlib import Path

import pandas as pd
import pytest

from vaeline.experiments import sweep_page
from vaeline.experiments.sweep import Sweep
from vaeline.experiments.sweep_page import SweepPage


def written(page: SweepPage, swept: Sweep, patch: pytest.MonkeyPatch, root: Path) -> list[str]:
    """Writes a page below `root`, and returns its text and then the lines of its CSV file."""
    patch.setattr(sweep_page, "RESULTS", root / "results")
    patch.setattr(sweep_page, "PICTURES", root / "pictures")
    paths = page.write(swept)
    assert all(path.is_file() for path in paths)
    return [paths[0].read_text(), *paths[1].read_text().splitlines()]


def table(key: str, values: list[float], elbo: list[float], **columns: list[float]) -> pd.DataFrame:
    """Returns the table of a sweep: rates from 25 on, distortions that complete the ELBO, no Inception."""
    n = len(values)
    return pd.DataFrame(
        {
            key: values,
            "elbo": elbo,
            "elbo_se": [0.3] * n,
            "iwae": [e + 5 for e in elbo],
            "iwae_se": [0.25] * n,
            "rate": [25.0 + i for i in range(n)],
            "rate_se": [0.04] * n,
            "distortion": [-e - 25.0 - i for i, e in enumerate(elbo)],
            "distortion_se": [0.2] * n,
            "fid_classifier": [9.0] * n,
            "fid_classifier_se": [0.35] * n,
            "fid_classifier_floor": [0.4318] * n,
            "active_units": [19] * n,
            "latent_dims": [20] * n,
            "iwae_k": [100] * n,
            "images": [10000] * n,
            "fid_samples": [2048] * n,
        }
        | columns
        | {"experiment": [f"{key}={value}" for value in values], "revision": ["0" * 40] * n}
    )

"""A machine on which Inception's weights are neither stored nor downloadable."""

from pathlib import Path

import pytest

from vaeline.evaluation.fid.inception import INCEPTION_FILE


def without_inception(folder: Path, patch: pytest.MonkeyPatch) -> Path:
    """Sets an empty $TORCH_HOME and a URL that leads nowhere; returns the folder where weights belong."""
    patch.setenv("TORCH_HOME", str(folder / "home"))
    url = (folder / "nowhere" / INCEPTION_FILE).as_uri()
    patch.setattr("vaeline.evaluation.fid.inception.FID_WEIGHTS_URL", url)
    return folder / "home" / "hub" / "checkpoints"

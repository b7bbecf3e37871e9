import pytest

from tests.support.small import config, vae
from vaeline.data.catalog import DATASETS
from vaeline.data.storing import store
from vaeline.models import checkpoints


@pytest.fixture
def after_a_run(tmp_path, monkeypatch):
    """Runs the test where `make repro` would have left prepared digits, and a small model."""
    store(DATASETS.build({"name": "digits"}, raw=None), tmp_path / "data" / "prepared")
    content = {
        "config": config().to_dict(),
        "shape": [1, 8, 8],
        "classes": 10,
        "training": {"model": vae().state_dict()},
    }
    best = tmp_path / "outputs" / "train" / "checkpoints" / "best.pt"
    best.parent.mkdir(parents=True)
    checkpoints.save_checkpoint(best, content)
    monkeypatch.chdir(tmp_path)
    return tmp_path

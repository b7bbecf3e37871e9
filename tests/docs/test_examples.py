"""The examples run as they stand, each in a process of its own, in a place where no result is disturbed."""

import subprocess
import sys

import pytest

from tests.conftest import ROOT
from tests.support.small import config, vae
from vaeline.data.catalog import DATASETS
from vaeline.data.storing import store
from vaeline.models import checkpoints

EXAMPLES = sorted(path.name for path in (ROOT / "examples").glob("*.py"))


def run(name: str, folder, *arguments: str) -> str:
    command = [sys.executable, str(ROOT / "examples" / name), *arguments]
    done = subprocess.run(command, cwd=folder, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr
    return done.stdout


def test_there_are_three():
    assert EXAMPLES == ["add_a_data_set.py", "add_a_prior.py", "use_a_trained_model.py"]


@pytest.mark.parametrize("name", EXAMPLES)
def test_an_example_is_short(name):
    assert len((ROOT / "examples" / name).read_text().splitlines()) <= 40


def test_a_prior_is_added():
    said = run("add_a_prior.py", ROOT)
    values = [float(value) for value in said.partition("[")[2].rstrip("]\n").split(",")]
    assert len(values) == 20
    assert min(values) > 0


def test_a_data_set_is_added(tmp_path):
    assert run("add_a_data_set.py", tmp_path) == "stripes (1, 16, 16) 800 200 500\n"


def test_a_trained_model_is_used(tmp_path):
    store(DATASETS.build({"name": "digits"}, raw=None), tmp_path / "data" / "prepared")
    content = {
        "config": config().to_dict(),
        "shape": [1, 8, 8],
        "classes": 10,
        "training": {"model": vae().state_dict()},
    }
    checkpoints.save_checkpoint(tmp_path / "best.pt", content)
    said = run("use_a_trained_model.py", tmp_path, "best.pt")
    assert "encoded: (8, 3)\nreconstructed: (5, 8, 1, 8, 8)\nsampled: (4, 1, 8, 8)\nELBO, nats:" in said

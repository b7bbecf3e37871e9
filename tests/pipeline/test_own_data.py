"""The page on one's own data, from its file to its last command."""

import json
import shlex
import sys

import numpy as np
import pandas as pd
import pytest
from typer.testing import CliRunner

from stages import check, prepare, train
from tests.docs.markdown import Page
from vaeline.cli import app
from vaeline.core.params import StageParams
from vaeline.experiments.find import params_with

pytestmark = pytest.mark.pipeline

PAGE = Page("docs/get_started/own_data.md")


def test_from_an_array_to_scores_and_an_exported_model(clone_of, monkeypatch):
    training, *commands = PAGE.commands()
    assert len(commands) < 6
    clone = clone_of("own-data")
    clone.run(sys.executable, "-c", PAGE.blocks("python")[0])
    overrides = [word for word in training if "=" in word]
    monkeypatch.chdir(clone.root)
    for name in ("DVC_ROOT", "DVC_EXP_NAME", "MLFLOW_TRACKING_URI"):
        monkeypatch.delenv(name, raising=False)
    (clone.root / "params.yaml").write_text(json.dumps(params_with([*overrides, "epochs=1"])))
    for stage in (prepare, check, train):
        stage.main(StageParams.load(stage.__name__.removeprefix("stages.")))
    for words in commands:
        done = CliRunner().invoke(app, words[1:], prog_name="vaeline")
        assert done.exit_code == 0, done.output
    scores = pd.read_csv(clone.root / "scores.csv")
    assert len(scores) == 300
    assert np.isfinite(scores[["elbo", "iwae", "iwae_se", "mse"]]).all(axis=None)
    assert np.load(clone.root / "latents.npy").shape == (300, 8)
    rebuilt = np.load(clone.root / "reconstructed.npy")
    assert rebuilt.shape == (300, 3, 48, 80)
    assert -1 <= rebuilt.min() < 0 < rebuilt.max() <= 1  # in the units of the data
    assert {"encoder.onnx", "decoder.onnx", "README.md"} <= {
        path.name for path in (clone.root / "exported/onnx").iterdir()
    }
    assert shlex.join(commands[-1]) == "vaeline export --format onnx --to exported/onnx"

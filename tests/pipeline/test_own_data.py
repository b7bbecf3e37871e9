"""The page on one's own data, from its file to its last command."""

import json
import shlex
import sys

import numpy as np
import pandas as pd
import pytest

from tests.docs.markdown import Page
from vaeline.experiments.find import params_with

pytestmark = pytest.mark.pipeline

PAGE = Page("docs/get_started/own_data.md")
# Imports once what the stages and commands would each import.
AT_ONCE = """\
import contextlib, json, runpy, sys
stages, commands = map(json.loads, sys.argv[1:])
for name in stages:
    runpy.run_module("stages." + name, run_name="__main__")
from vaeline.cli import app
for words in commands:
    with contextlib.suppress(SystemExit):
        app(words)
"""


def test_from_an_array_to_scores_and_an_exported_model(clone_of, monkeypatch):
    training, *commands = PAGE.commands()
    assert len(commands) < 6
    clone = clone_of("own-data")
    clone.run(sys.executable, "-c", PAGE.blocks("python")[0])
    overrides = [word for word in training if "=" in word]
    monkeypatch.chdir(clone.root)
    (clone.root / "params.yaml").write_text(json.dumps(params_with([*overrides, "epochs=1"])))
    said = clone.run(
        sys.executable, "-c", AT_ONCE, json.dumps(["prepare", "check", "train"]),
        json.dumps([words[1:] for words in commands]),
    )  # fmt: skip
    scores = pd.read_csv(clone.root / "scores.csv")
    assert len(scores) == 300, said.stderr
    assert np.isfinite(scores[["elbo", "iwae", "iwae_se", "mse"]]).all(axis=None)
    assert np.load(clone.root / "latents.npy").shape == (300, 8)
    rebuilt = np.load(clone.root / "reconstructed.npy")
    assert rebuilt.shape == (300, 3, 48, 80)
    assert -1 <= rebuilt.min() < 0 < rebuilt.max() <= 1  # in the units of the data
    assert {"encoder.onnx", "decoder.onnx", "README.md"} <= {
        path.name for path in (clone.root / "exported/onnx").iterdir()
    }
    assert shlex.join(commands[-1]) == "vaeline export --format onnx --to exported/onnx"

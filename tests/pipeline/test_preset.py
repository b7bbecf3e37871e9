"""A preset as a person runs it: `python -m vaeline.presets NAME`, on real digits."""

import json
import sys

import pytest

pytestmark = pytest.mark.pipeline

TINY = """\
extends: burda
data: {name: digits, split: tail, train_size: 1200, valid_size: 100}
epochs: 4
iwae_k: 20
target_nll: 20.0
"""


@pytest.fixture(scope="module")
def with_preset(reproduced):
    (reproduced.root / "presets" / "tiny.yaml").write_text(TINY)
    reproduced.commit("a preset")
    return reproduced


def run(clone, *names, ok=True):
    return clone.run(
        sys.executable, "-m", "vaeline.presets", *names, ok=ok, PYTHONPATH=str(clone.root / "src")
    )


def test_a_preset_leaves_its_verdict_in_a_record_and_in_mlflow(with_preset):
    params = (with_preset.root / "params.yaml").read_bytes()
    done = run(with_preset, "tiny")
    record = json.loads((with_preset.root / "docs/records/tiny.json").read_text())
    results = record["results"]
    assert results["verdict"] == "fail"
    assert results["nll_minus_target"] == pytest.approx(results["nll"] - 20.0)
    assert f"tiny: NLL {results['nll']:.2f} ± {results['nll_se']:.2f} fail" in done.stdout
    head = with_preset.run("git", "rev-parse", "HEAD").stdout.strip()
    assert record["training"]["git.commit"] == record["evaluation"]["git.commit"] == head
    assert record["training"]["git.dirty"] == "false"
    assert (record["epochs"], record["params"]["batch_size"]) == (4, 20)
    assert record["seconds"] > 0
    (mlflow_run,) = [r for r in with_preset.runs() if r.data.tags.get("dvc.experiment") == "tiny"]
    assert mlflow_run.data.tags["evaluate/verdict"] == "fail"
    assert mlflow_run.data.metrics["evaluate/nll"] == pytest.approx(results["nll"])
    assert (with_preset.root / "params.yaml").read_bytes() == params


def test_a_preset_needs_committed_code(with_preset):
    path = with_preset.root / "stages" / "evaluate.py"
    text = path.read_text()
    path.write_text(text + "\n")
    done = run(with_preset, "tiny", ok=False)
    path.write_text(text)
    assert done.returncode == 1
    assert done.stderr.strip().startswith("preset: commit stages/evaluate.py first")


def test_an_unknown_preset_names_those_that_there_are(with_preset):
    done = run(with_preset, "fastest", ok=False)
    assert done.returncode == 1
    assert "no preset 'fastest'" in done.stderr
    assert "fast-1l-vae-k1" in done.stderr

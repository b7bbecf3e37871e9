"""A preset as a user runs it: `vaeline preset NAME`, on real digits."""

import json

import pytest

from vaeline.core.errors import VaelineError
from vaeline.evaluation.estimators.estimate import estimate_text
from vaeline.experiments.preset_runs import run_preset

pytestmark = pytest.mark.pipeline

# Its training is the one that has run.
TINY = """\
data: {name: digits}
shuffle: true
iwae_k: 10
target_nll: 20.0
"""


@pytest.fixture(scope="module")
def with_preset(reproduced):
    (reproduced.root / "presets" / "tiny.yaml").write_text(TINY)
    reproduced.commit("a preset")
    return reproduced


def test_preset_leaves_its_verdict_in_a_record_and_in_mlflow(with_preset):
    params = (with_preset.root / "params.yaml").read_bytes()
    done = with_preset.run("vaeline", "preset", "tiny")
    log = (with_preset.root / ".scratch/experiments/tiny.log").read_text()
    assert with_preset.stages_run(log) == ["evaluate", "report", "gate"]
    record = json.loads((with_preset.root / "docs/results/records/tiny.json").read_text())
    results = record["results"]
    assert results["verdict"] == "fail"
    assert results["nll_minus_target"] == pytest.approx(results["nll"] - 20.0)
    assert f"tiny: NLL {estimate_text(results, 'nll')} fail" in done.stdout
    trained, _, head = with_preset.run("git", "log", "--reverse", "--format=%H").stdout.split()
    assert record["training"]["git.commit"] == trained
    assert record["evaluation"]["git.commit"] == head
    assert record["training"]["git.dirty"] == "false"
    assert (record["epochs"], record["params"]["iwae_k"]) == (3, 10)
    assert record["seconds"] > 0
    (mlflow_run,) = [r for r in with_preset.runs() if r.data.tags.get("dvc.experiment") == "tiny"]
    assert mlflow_run.data.tags["evaluate/verdict"] == "fail"
    assert mlflow_run.data.metrics["evaluate/nll"] == pytest.approx(results["nll"])
    assert (with_preset.root / "params.yaml").read_bytes() == params


def test_preset_needs_committed_code(with_preset, monkeypatch):
    path = with_preset.root / "stages" / "evaluate.py"
    text = path.read_text()
    path.write_text(text + "\n")
    monkeypatch.chdir(with_preset.root)
    with pytest.raises(VaelineError, match=r"^commit stages/evaluate\.py first"):
        run_preset("tiny")
    path.write_text(text)

"""The train stage when things go wrong: killed, without a tracking server, diverging."""

import json
import os
import shutil
import signal
import subprocess
import sys
import time
from types import SimpleNamespace

import pytest
import torch

from vaeline.diagnosis.finding import load_findings, problems

pytestmark = pytest.mark.pipeline

EPOCHS = 20  # long enough to be killed before it ends


@pytest.fixture(scope="module")
def prepared(clone_of, warm):
    """A clone in which training is about to start."""
    clone = clone_of("train")
    params = (clone.root / "params.yaml").read_text()
    (clone.root / "params.yaml").write_text(params.replace("\nepochs: 3 ", f"\nepochs: {EPOCHS} "))
    clone.run(sys.executable, "-m", "stages.prepare", **warm)
    return clone


@pytest.fixture(scope="module")
def unlogged(prepared, warm):
    """The results of a training that is never killed and reaches no tracking server."""
    # Port 9 (discard) on this machine: nothing listens there.
    unreachable = {"MLFLOW_TRACKING_URI": "http://127.0.0.1:9"}
    done = prepared.run(sys.executable, "-m", "stages.train", **warm, **unreachable)
    made = json.loads((prepared.root / "outputs/train/run.json").read_text())
    metrics = prepared.metrics()["train"]
    shutil.rmtree(prepared.root / ".scratch/train")  # or this training would be published again
    return SimpleNamespace(stderr=done.stderr, made=made, weights=weights(prepared), metrics=metrics)


def weights(clone):
    content = torch.load(clone.root / "outputs/train/checkpoints/last.pt", weights_only=True)
    return content["training"]["model"]


def test_training_continues_without_a_tracking_server(unlogged):
    assert "MLflow: not logged" in unlogged.stderr
    assert "dvc repro --force --single-item report" in unlogged.stderr
    assert len(unlogged.made["run_id"]) == 32
    assert json.loads(unlogged.metrics)["epochs"] == EPOCHS


def test_killed_training_resumes_to_the_same_weights_in_the_same_run(prepared, unlogged, warm):
    assert not list((prepared.root / ".scratch/train").glob("*/state_*"))
    assert not (prepared.root / "mlflow.db").exists()
    process = subprocess.Popen(
        [sys.executable, "-m", "stages.train"], cwd=prepared.root,
        env=prepared.environment | {"DVC_EXP_NAME": "killed-one"},
        stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL,
    )  # fmt: skip
    deadline = time.monotonic() + 120
    while not list((prepared.root / ".scratch/train").glob("*/state_*")):
        assert process.poll() is None, "the training ended before it could be killed"
        assert time.monotonic() < deadline
        time.sleep(0.01)
    os.kill(process.pid, signal.SIGKILL)
    process.wait()
    states = list((prepared.root / ".scratch/train").glob("*/state_*"))
    assert states, "the state must survive the kill"

    resumed = prepared.run(sys.executable, "-m", "stages.train", **warm)
    assert "resuming after epoch" in resumed.stderr
    assert "not logged" not in resumed.stderr
    after = weights(prepared)
    assert all(torch.equal(after[name], value) for name, value in unlogged.weights.items())
    assert prepared.metrics()["train"] == unlogged.metrics
    (run,) = prepared.runs()
    assert run.info.status == "FINISHED"
    steps = [point.step for point in prepared.client.get_metric_history(run.info.run_id, "valid_elbo")]
    assert steps == list(range(1, EPOCHS + 1))


def test_diverging_training_stops_with_advice(prepared, warm):
    params = (prepared.root / "params.yaml").read_text()
    # After one such update nothing is finite any more.
    broken = params.replace("learning_rate: 0.001", "learning_rate: 1.0e+30").replace(
        "max_skipped_updates: 20", "max_skipped_updates: 2"
    )
    (prepared.root / "params.yaml").write_text(broken)
    failed = prepared.run(sys.executable, "-m", "stages.train", ok=False, DVC_EXP_NAME="too-fast", **warm)
    (prepared.root / "params.yaml").write_text(params)
    assert failed.returncode == 1
    assert failed.stderr.strip().splitlines()[-1].startswith("train: 9 updates up to step 10 were NaN")
    assert "lower learning_rate" in failed.stderr
    assert "Traceback" not in failed.stderr
    for left in ("outputs/train/findings.json", ".scratch/experiments/too-fast.findings.json"):
        found = load_findings(prepared.root / left)
        assert [one.name for one in problems(found)] == ["unstable_training"]
        assert "-S learning_rate=0.001" in found[0].command

"""The train stage when things go wrong: killed, without a tracking server, diverging."""

import json
import os
import signal
import subprocess
import sys
import time

import pytest
import torch

pytestmark = pytest.mark.pipeline


@pytest.fixture(scope="module")
def prepared(clone_of):
    """A clone in which training is about to start: 40 epochs, some seconds of work."""
    clone = clone_of("train")
    params = (clone.root / "params.yaml").read_text()
    (clone.root / "params.yaml").write_text(params.replace("epochs: 3\n", "epochs: 40\n"))
    clone.run(sys.executable, "-m", "stages.prepare")
    clone.run(sys.executable, "-m", "stages.check")
    return clone


def weights(clone):
    content = torch.load(clone.root / "outputs/train/checkpoints/last.pt", weights_only=True)
    return content["training"]["model"]


def test_a_killed_training_goes_on_to_the_same_weights_in_the_same_run(prepared):
    prepared.run(sys.executable, "-m", "stages.train")
    never_killed, metrics = weights(prepared), prepared.metrics()["train"]
    assert not list((prepared.root / ".scratch/train").glob("*/state_*"))
    before = {run.info.run_id for run in prepared.runs()}

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

    resumed = prepared.run(sys.executable, "-m", "stages.train")
    assert "going on after epoch" in resumed.stderr
    assert "not logged" not in resumed.stderr
    after = weights(prepared)
    assert all(torch.equal(after[name], never_killed[name]) for name in never_killed)
    assert prepared.metrics()["train"] == metrics
    (run,) = [run for run in prepared.runs() if run.info.run_id not in before]
    assert run.info.status == "FINISHED"
    steps = [point.step for point in prepared.client.get_metric_history(run.info.run_id, "valid_elbo")]
    assert steps == list(range(1, 41))


def test_without_a_tracking_server_training_goes_on(prepared):
    before = len(prepared.runs())
    # Port 9 (discard) on this machine: nothing listens there.
    done = prepared.run(sys.executable, "-m", "stages.train", MLFLOW_TRACKING_URI="http://127.0.0.1:9")
    assert "MLflow: not logged" in done.stderr
    assert "dvc repro --force --single-item report" in done.stderr
    assert len(json.loads((prepared.root / "outputs/train/run.json").read_text())["run_id"]) == 32
    assert json.loads(prepared.metrics()["train"])["epochs"] == 40
    assert len(prepared.runs()) == before


def test_a_training_that_diverges_stops_with_advice(prepared):
    params = (prepared.root / "params.yaml").read_text()
    # After one such update nothing is finite any more.
    broken = params.replace("learning_rate: 0.001", "learning_rate: 1.0e+30").replace(
        "max_skipped_updates: 20", "max_skipped_updates: 2"
    )
    (prepared.root / "params.yaml").write_text(broken)
    failed = prepared.run(sys.executable, "-m", "stages.train", ok=False)
    (prepared.root / "params.yaml").write_text(params)
    assert failed.returncode == 1
    assert failed.stderr.strip().splitlines()[-1].startswith("train: 9 updates up to step 10 were NaN")
    assert "lower learning_rate" in failed.stderr
    assert "Traceback" not in failed.stderr

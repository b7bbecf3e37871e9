"""Running presets, with processes that stand in for DVC's."""

import contextlib
import json
import subprocess
import sys

import pytest
import torch

from tests.support.records import summary
from vaeline.core.errors import VaelineError
from vaeline.evaluation.per_image import read_bounds, write_bounds
from vaeline.experiments import launch, preset_runs, records
from vaeline.experiments.preset_runs import run_preset, run_presets
from vaeline.experiments.presets import preset_overrides
from vaeline.experiments.records import load_records, record_name, seeded
from vaeline.experiments.search import local, placement
from vaeline.experiments.search.jobs import Job, Progress

NAME = "fast-1l-vae-k1"


@pytest.fixture
def experiment(monkeypatch, tmp_path, at_the_root):
    """Puts a process that ends with a status, and a log that it left, in place of DVC."""

    def stand_in(status, log=""):
        @contextlib.contextmanager
        def running(overrides, name, environment, pull):
            launch.log_path(name).write_text(log)
            yield subprocess.Popen([sys.executable, "-c", f"raise SystemExit({status})"])

        monkeypatch.setattr(local, "running_experiment", running)

    monkeypatch.setattr(launch, "LOGS", tmp_path)
    monkeypatch.setattr(preset_runs, "unsaved_sources", lambda *_: [])
    monkeypatch.setattr(preset_runs.subprocess, "run", lambda *_, **__: None)
    return stand_in


def test_unknown_preset_is_named_with_those_that_exist(experiment):
    with pytest.raises(VaelineError, match=r"^no preset 'fastest': .*fast-1l-vae-k1"):
        run_preset("fastest")


def test_preset_that_fails_has_its_reason_and_its_log(experiment):
    experiment(1, log="train: 9 updates were NaN\nERROR: failed to reproduce 'train'\n")
    with pytest.raises(VaelineError, match=r"failed: train: 9 updates were NaN .*; the same command resumes"):
        run_preset(NAME)


def test_stopping_a_preset_stops_its_process(experiment, monkeypatch):
    def stopped(job):
        raise KeyboardInterrupt

    experiment(0)
    monkeypatch.setattr(local.LocalJob, "look", stopped)
    with pytest.raises(KeyboardInterrupt):
        run_preset(NAME)


def test_uncommitted_code_is_refused_before_anything_runs(experiment, monkeypatch):
    monkeypatch.setattr(preset_runs, "unsaved_sources", lambda *_: ["stages/train.py"])
    with pytest.raises(VaelineError, match=r"^commit stages/train\.py first"):
        run_preset(NAME)


def test_seed_of_the_preset_itself_is_no_further_one(experiment):
    with pytest.raises(VaelineError, match=rf"^seed = 42 is that of {NAME} itself: `vaeline preset {NAME}`"):
        run_preset(NAME, seed=42)


@pytest.mark.parametrize("seed", [None, 43])
def test_record_of_a_published_number_has_the_bounds_of_all_images_beside_it(experiment, monkeypatch, seed):
    """From the run's own output, under the names of that seed."""
    experiment(0)
    bounds, read = torch.tensor([-80.25, -90.5]), []

    def output(path, rev, mode="r"):
        read.append(rev)
        if path.endswith("summary.json"):
            return json.dumps(summary(NAME))
        if path.endswith("findings.json"):
            return '{"findings": []}'
        write_bounds(launch.LOGS / "out.npz", bounds)
        assert mode == "rb"
        return (launch.LOGS / "out.npz").read_bytes()

    monkeypatch.setattr(preset_runs.dvc.api, "read", output)
    monkeypatch.setattr(records, "RECORDS", launch.LOGS)
    name = record_name(NAME, seed)
    assert run_preset(NAME, seed) == launch.LOGS / f"{name}.json"
    assert load_records(launch.LOGS)[name]["overrides"] == seeded(preset_overrides(NAME), seed)
    assert read_bounds(launch.LOGS / "bounds" / f"{name}.npz").tolist() == bounds.tolist()
    assert set(read) == {name}


def test_presets_after_one_that_fails_run(monkeypatch, capsys):
    started, recorded, succeeded = [], [], []

    def run(jobs, executor, shorten, show):
        for job in jobs:
            started.append(job.name)
            yield job, Progress(ended=True, reason="b failed: out of memory" if job.name == "b" else "")

    monkeypatch.setattr(placement, "run_jobs", run)
    monkeypatch.setattr(preset_runs, "preset_job", lambda name: Job(name, ()))
    monkeypatch.setattr(preset_runs, "write_preset_record", recorded.append)
    with pytest.raises(VaelineError, match=r"^1 failed, the first: b failed: out of memory"):
        run_presets(["a", "b", "c"], succeeded.append)
    assert started == ["a", "b", "c"]
    assert recorded == succeeded == ["a", "c"]
    assert "b failed: out of memory" in capsys.readouterr().err

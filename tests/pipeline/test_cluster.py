"""Experiments on nodes that have nothing but a DVC remote in common, one of which is lost."""

import contextlib
import subprocess
import sys
from collections import Counter

import pytest

from tests.support.committed import git
from tests.support.stand_in_cluster import StandIn
from tests.support.tiny_pipeline import epochs_run, tiny_repository
from vaeline.experiments.find import find, metrics_at, params_with
from vaeline.experiments.search import node, ray_jobs
from vaeline.experiments.search.jobs import Job, run_jobs
from vaeline.experiments.search.sending import sent_repository

pytestmark = pytest.mark.pipeline
EPOCHS = 8


def test_job_of_a_lost_node_continues_on_another_and_comes_back_whole(tmp_path, monkeypatch):
    repository = tmp_path / "repository"
    repository.mkdir()
    monkeypatch.chdir(repository)
    for name in ("DVC_ROOT", "DVC_EXP_NAME", "MLFLOW_TRACKING_URI"):
        monkeypatch.delenv(name, raising=False)
    monkeypatch.setenv("TINY_SECONDS", "1")
    monkeypatch.setenv("TINY_JOURNAL", str(tmp_path / "journal"))
    tiny_repository(EPOCHS)
    remote = [sys.executable, "-m", "dvc", "remote", "add", "-q", "-d", "storage", str(tmp_path / "storage")]
    subprocess.run(remote, check=True)
    git("commit", "-qam", "a remote")
    ray = StandIn(tmp_path, cpus=2)
    monkeypatch.setattr(ray_jobs, "engine", lambda: ray)
    monkeypatch.setattr(node, "COPY_EVERY", 0.0)

    lost = []

    def lose_a_node(job, progress):
        sent = ray_jobs.NODE_STATES / f"{job.name}.tar"
        if sent.exists() and progress.epoch < EPOCHS and not lost:
            lost.append(job.name)
            ray.actors[["beta=0.5", "beta=1"].index(job.name)].kill()

    executor = ray_jobs.RayExecutor(sent_repository(), at_once=0, cpus=1, gpus=0)
    assert executor.at_once == 2
    jobs = [Job(f"beta={beta}", (f"beta={beta}",)) for beta in ("0.5", "1")]
    with contextlib.closing(run_jobs(jobs, executor, show=lose_a_node)) as runs:
        ended = {job.name: progress for job, progress in runs}

    assert {name: progress.reason for name, progress in ended.items()} == {"beta=0.5": "", "beta=1": ""}
    assert len(ray.actors) == 3
    counts = Counter(epochs_run(str(tmp_path / "journal")))
    assert set(counts) == {f"beta={beta} {epoch}" for beta in ("0.5", "1") for epoch in range(1, EPOCHS + 1)}
    assert counts["beta=0.5 1"] == counts["beta=1 1"] == 1  # it was not begun again
    for beta in (0.5, 1.0):
        experiment = find(params_with([f"beta={beta}"]))
        assert experiment is not None
        assert metrics_at(experiment.rev)["train/best_valid_elbo"] == -100 - 10 * beta - 10 / EPOCHS
    assert not list(ray_jobs.NODE_STATES.glob("*.tar"))
    assert not list(tmp_path.glob("node2/vaeline/*/jobs/*"))  # what has come back is removed

"""The pipeline as a user runs it, on real digits: `dvc repro`, `dvc exp run`, and what MLflow has then."""

import json
import os
import shutil
import sys
from types import SimpleNamespace

import pandas as pd
import pytest

from vaeline.config import ExperimentConfig
from vaeline.core.params import flatten_params, param_text
from vaeline.data.prepared import SPLITS
from vaeline.experiments import sweep
from vaeline.experiments.search import local
from vaeline.models.priors.catalog import PRIORS
from vaeline.runtime.stage import MEASURED_STAGES

pytestmark = pytest.mark.pipeline

STAGES = ["prepare", "check", "train", "evaluate", "fid_reference", "fid", "diagnose", "report", "gate"]
PROMISED = {
    "train": {"epochs", "train_loss", "train_recon", "train_kl", "valid_elbo", "skipped_updates"},
    "evaluate": {
        "mutual_information",
        "total_correlation",
        "dimension_kl",
        "elbo",
        "elbo_se",
        "iwae",
        "iwae_se",
        "iwae_k",
        "iwae_last_doubling",
        "iwae_loose",
        "ais_images",
        "nll",
        "train_active_units",
        "ess",
        "kl",
        "bce",
        "sse",
        "mse",
        "mae",
    },
    "fid": {"fid_skipped", "fid_classifier", "fid_classifier_floor"},
    "diagnose": {"mu_mean", "mu_std", "var_mean", "active_dims", "active_units", "mse"},
}


def read(clone, stage):
    return json.loads(clone.metrics()[stage])


@pytest.mark.skipif("PYTEST_XDIST_WORKER" not in os.environ, reason="one process runs all tests")
def test_tests_that_share_a_clone_share_a_worker(reproduced, request):
    """Otherwise each worker makes its own clone, which takes minutes, and no test would fail."""
    assert request.node.nodeid.endswith("@warm")


def test_repro_runs_every_stage_and_writes_the_metrics(reproduced):
    assert sorted(reproduced.stages_run(reproduced.first.stdout)) == sorted(STAGES)
    for stage, names in PROMISED.items():
        assert names <= read(reproduced, stage).keys()


def test_bounds_are_in_order_and_the_model_has_learned(reproduced):
    evaluated = read(reproduced, "evaluate")
    assert evaluated["elbo"] < evaluated["iwae"] < 0
    assert evaluated["elbo"] == pytest.approx(-(evaluated["distortion"] + evaluated["rate"]))
    # Independent pixels, each at its own mean frequency, reach about −33.4 nats on these digits.
    assert evaluated["elbo"] > -32


def test_second_repro_does_nothing(reproduced):
    before = reproduced.metrics()
    again = reproduced.run("dvc", "repro")
    assert reproduced.stages_run(again.stdout) == []
    assert reproduced.metrics() == before


def test_mlflow_run_is_complete(reproduced):
    (run,) = reproduced.runs()
    config = ExperimentConfig.load(reproduced.root / "params.yaml")
    assert run.info.status == "FINISHED"
    assert run.data.params == {
        key: param_text(value) for key, value in flatten_params(config.to_dict()).items()
    }
    for stage in MEASURED_STAGES:
        numbers = {k: v for k, v in read(reproduced, stage).items() if not isinstance(v, str)}
        assert {name: run.data.metrics[f"{stage}/{name}"] for name in numbers} == pytest.approx(numbers)
    history = reproduced.client.get_metric_history(run.info.run_id, "valid_elbo")
    assert [point.step for point in history] == [1, 2, 3]
    files = {a.path for folder in ("checkpoints", "plots/diagnose", "report")
             for a in reproduced.client.list_artifacts(run.info.run_id, folder)}  # fmt: skip
    assert {"checkpoints/best.pt", "checkpoints/last.pt", "plots/diagnose/samples.png"} <= files
    head = reproduced.run("git", "rev-parse", "HEAD~1").stdout.strip()
    tags = run.data.tags
    assert (tags["git.commit"], tags["data"], tags["prior"]) == (head, "digits", "standard_normal")
    found = json.loads((reproduced.root / "outputs/report/findings.json").read_text())
    assert found["verdict"] in tags["mlflow.note.content"] or tags["verdict"] != "healthy"
    assert {i.dataset.name for i in run.inputs.dataset_inputs} == {f"digits {s}" for s in SPLITS}
    images = reproduced.client.list_artifacts(run.info.run_id, "images")
    assert [a.path for a in images if a.path.startswith("images/diagnose~samples+step+3+")]
    (model,) = run.outputs.model_outputs
    assert reproduced.client.get_logged_model(model.model_id).status == "READY"


def test_wrong_value_is_one_line_and_changes_nothing(reproduced):
    """A flat key's value through DVC; a section's in the stage that DVC would run."""
    before, params = reproduced.metrics(), reproduced.root / "params.yaml"
    *most, last = map(repr, PRIORS)
    known = f"{', '.join(most)} or {last}"
    by_dvc = reproduced.run("dvc", "exp", "run", "-S", "beta=-1", ok=False)
    reproduced.run("git", "checkout", "-q", "--", ".")
    committed = params.read_text()
    params.write_text(committed.replace("name: standard_normal", "name: vmap"))
    by_stage = reproduced.run(sys.executable, "-m", "stages.check", ok=False)
    params.write_text(committed)
    for failed, line in (
        (by_dvc, "beta = -1 is not allowed: input should be greater than or equal to 0"),
        (by_stage, f"prior.name = 'vmap' is not allowed: input should be {known}"),
    ):
        assert failed.returncode != 0
        assert "Traceback" not in failed.stdout + failed.stderr
        assert f"check: params.yaml: {line}" in (failed.stdout + failed.stderr).splitlines()
    assert reproduced.metrics() == before


@pytest.fixture(scope="module")
def swept(reproduced):
    """β = 1 is committed, β = 4 runs in a copy of the repository, and 1e38 fails its check."""
    before = {run.info.run_id: run.data.to_dictionary() for run in reproduced.runs()}
    done = reproduced.run("vaeline", "frontier", "--beta", "4,1,1e38", ok=False)
    yield SimpleNamespace(before=before, done=done)
    for folder in ("results", "pictures"):
        shutil.rmtree(reproduced.root / "docs" / folder)


def test_frontier_runs_the_missing_experiments_and_tabulates_all(reproduced, swept, monkeypatch):
    assert swept.done.returncode == 1
    assert "Traceback" not in swept.done.stderr
    assert swept.done.stderr.splitlines()[-1] == (
        "vaeline frontier: 1 failed, see above; the table has the others"
    )
    assert "beta=4: done" in swept.done.stderr
    assert "- beta = 1e+38: beta=1e+38 failed: " in swept.done.stdout
    assert reproduced.run("git", "status", "--porcelain").stdout.splitlines() == [
        "?? docs/pictures/",
        "?? docs/results/",
    ]

    table = pd.read_csv(reproduced.root / "docs/results/frontier.csv").set_index("beta")
    assert table["experiment"].to_dict() == {1.0: "HEAD", 4.0: "beta=4"}
    evaluated = read(reproduced, "evaluate")
    assert table.loc[1.0, "elbo"] == evaluated["elbo"]
    assert table.loc[1.0, "rate_se"] == evaluated["rate_se"]
    assert table.loc[4.0, "rate"] < table.loc[1.0, "rate"]
    assert (reproduced.root / "docs/pictures/frontier.png").is_file()

    monkeypatch.chdir(reproduced.root)
    monkeypatch.setattr(local, "running_experiment", None)  # nothing is left to run
    again = sweep.sweep({"beta": ["1", "4"]}, [], "vaeline frontier").table
    pd.testing.assert_frame_equal(again.set_index("beta"), table)


def test_experiments_share_stages_but_not_runs(reproduced, swept):
    """One that ran in a copy of the repository, then one in the workspace that shares its training."""
    log = (reproduced.root / ".scratch/experiments/beta=4.log").read_text()
    assert sorted(reproduced.stages_run(log)) == sorted(set(STAGES) - {"prepare", "fid_reference"})
    longer = reproduced.run("dvc", "exp", "run", "-n", "longer", "-S", "beta=4", "-S", "iwae_k=50")
    assert reproduced.stages_run(longer.stdout) == ["evaluate", "report", "gate"]

    runs = {run.info.run_name: run for run in reproduced.runs() if run.info.run_id not in swept.before}
    assert set(runs) == {"beta=4", "beta=4 iwae_k=50"}
    assert runs["beta=4"].data.params["iwae_k"] == "20"
    child = runs["beta=4 iwae_k=50"]
    assert child.data.params == runs["beta=4"].data.params | {"iwae_k": "50"}
    assert child.data.metrics.keys() == runs["beta=4"].data.metrics.keys()
    assert child.data.tags["vaeline.training_run"] == runs["beta=4"].info.run_id
    assert child.data.tags["dvc.experiment"] == "longer"
    untouched = {run.info.run_id: run.data.to_dictionary() for run in reproduced.runs()}
    assert {key: untouched[key] for key in swept.before} == swept.before
    for run in runs.values():
        kept = reproduced.root / "mlartifacts" / run.info.run_id / "artifacts/checkpoints/best.pt"
        assert kept.is_file()

    shown = reproduced.run("dvc", "exp", "show", "--csv").stdout
    assert "longer" in shown
    assert "beta=4" in shown
    diff = json.loads(reproduced.run("dvc", "metrics", "diff", "HEAD", "longer", "--json").stdout)
    assert diff["outputs/evaluate/metrics.json"]["kl"]["diff"] < 0  # β = 4 buys a lower rate
    reproduced.run("dvc", "plots", "diff", "HEAD", "longer", "--out", "dvc_plots")
    reproduced.restore()


def test_gate_fails_after_the_report_is_written(reproduced):
    params = reproduced.root / "params.yaml"
    params.write_text(params.read_text().replace("gate: []", "gate: [underfitting]"))
    failed = reproduced.run("dvc", "repro", ok=False)
    written = json.loads((reproduced.root / "outputs/report/summary.json").read_text())
    reproduced.restore()
    assert failed.returncode != 0
    assert reproduced.stages_run(failed.stdout) == ["report", "gate"]
    (line,) = (said for said in failed.stderr.splitlines() if said.startswith("gate: "))
    assert line.startswith("gate: underfitting (still improving at the last epoch: ")
    assert "try `dvc exp run -S 'gate=[underfitting]' -S epochs=" in line
    assert written["params"]["gate"] == ["underfitting"]


def test_same_params_give_the_same_bits_in_another_clone_and_process(reproduced, clone_of):
    other = clone_of("again")
    other.run_stages(*STAGES)  # nothing of it is imported before
    assert other.metrics() == reproduced.metrics()

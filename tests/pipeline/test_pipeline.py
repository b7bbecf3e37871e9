"""The pipeline as a person uses it, on real digits: `dvc repro`, `dvc exp run`, and MLflow read back."""

import json
import shutil
import sys

import pandas as pd
import pytest

from vaeline.config import ExperimentConfig
from vaeline.provenance import flat, text

pytestmark = pytest.mark.pipeline

STAGES = ["prepare", "check", "train", "evaluate", "fid_reference", "fid", "diagnose", "report"]
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


def test_repro_runs_every_stage_and_writes_what_others_read(reproduced):
    assert sorted(reproduced.stages_run(reproduced.first)) == sorted(STAGES)
    for stage, names in PROMISED.items():
        assert names <= read(reproduced, stage).keys()


def test_the_bounds_are_in_order_and_the_model_has_learnt(reproduced):
    evaluated = read(reproduced, "evaluate")
    assert evaluated["elbo"] < evaluated["iwae"] < 0
    assert evaluated["elbo"] == pytest.approx(-(evaluated["distortion"] + evaluated["rate"]))
    # Independent pixels, each at its own mean frequency, reach about −33.4 nats on these digits.
    assert evaluated["elbo"] > -32


def test_a_second_repro_does_nothing(reproduced):
    before = reproduced.metrics()
    again = reproduced.run("dvc", "repro")
    assert reproduced.stages_run(again) == []
    assert reproduced.metrics() == before


def test_the_mlflow_run_is_complete(reproduced):
    (run,) = reproduced.runs()
    config = ExperimentConfig.load(reproduced.root / "params.yaml")
    assert run.info.status == "FINISHED"
    assert run.data.params == {key: text(value) for key, value in flat(config.to_dict()).items()}
    for stage in STAGES[:-1]:
        numbers = {k: v for k, v in read(reproduced, stage).items() if not isinstance(v, str)}
        assert {name: run.data.metrics[f"{stage}/{name}"] for name in numbers} == pytest.approx(numbers)
    history = reproduced.client.get_metric_history(run.info.run_id, "valid_elbo")
    assert [point.step for point in history] == [1, 2, 3]
    files = {a.path for folder in ("checkpoints", "plots/diagnose", "report")
             for a in reproduced.client.list_artifacts(run.info.run_id, folder)}  # fmt: skip
    assert {"checkpoints/best.pt", "checkpoints/last.pt", "plots/diagnose/samples.png"} <= files
    head = reproduced.run("git", "rev-parse", "HEAD~1").stdout.strip()
    assert run.data.tags["git.commit"] == head


def test_experiments_share_what_they_can_and_never_each_others_runs(reproduced):
    """One in a copy beside the repository, then one in the workspace that shares its training."""
    first = {run.info.run_id: run.data.to_dictionary() for run in reproduced.runs()}
    varied = reproduced.run("dvc", "exp", "run", "--temp", "-n", "wide", "-S", "beta=4")
    assert sorted(reproduced.stages_run(varied)) == sorted(set(STAGES) - {"prepare", "fid_reference"})
    longer = reproduced.run("dvc", "exp", "run", "-n", "longer", "-S", "beta=4", "-S", "iwae_k=50")
    assert reproduced.stages_run(longer) == ["evaluate", "report"]

    runs = {run.info.run_name: run for run in reproduced.runs() if run.info.run_id not in first}
    assert set(runs) == {"beta=4", "beta=4 iwae_k=50"}
    assert runs["beta=4"].data.params["iwae_k"] == "20"
    child = runs["beta=4 iwae_k=50"]
    assert child.data.params == runs["beta=4"].data.params | {"iwae_k": "50"}
    assert child.data.metrics.keys() == runs["beta=4"].data.metrics.keys()
    assert child.data.tags["vaeline.training_run"] == runs["beta=4"].info.run_id
    assert child.data.tags["dvc.experiment"] == "longer"
    untouched = {run.info.run_id: run.data.to_dictionary() for run in reproduced.runs()}
    assert {key: untouched[key] for key in first} == first
    for run in runs.values():
        kept = reproduced.root / "mlartifacts" / run.info.run_id / "artifacts/checkpoints/best.pt"
        assert kept.is_file()

    assert "wide" in reproduced.run("dvc", "exp", "show", "--csv").stdout
    diff = json.loads(reproduced.run("dvc", "metrics", "diff", "HEAD", "wide", "--json").stdout)
    assert diff["outputs/evaluate/metrics.json"]["kl"]["diff"] < 0  # β = 4 buys a lower rate
    reproduced.run("dvc", "plots", "diff", "HEAD", "wide", "--out", "dvc_plots")
    reproduced.restore()


def test_two_forced_runs_agree_bit_for_bit(reproduced):
    before = reproduced.metrics()
    forced = reproduced.run("dvc", "repro", "--force")
    assert len(reproduced.stages_run(forced)) == len(STAGES)
    assert reproduced.metrics() == before


@pytest.mark.parametrize(
    ("wrong", "line"),
    [
        ("beta=-1", "params.yaml: beta = -1 is not allowed: input should be greater than or equal to 0"),
        (
            "prior.name=vmap",
            "params.yaml: prior.name = 'vmap' is not allowed: input should be 'standard_normal'",
        ),
    ],
)
def test_a_bad_value_is_one_line_and_harms_nothing(reproduced, wrong, line):
    before = reproduced.metrics()
    failed = reproduced.run("dvc", "exp", "run", "-S", wrong, ok=False)
    assert failed.returncode != 0
    assert "Traceback" not in failed.stdout + failed.stderr
    assert line in failed.stdout + failed.stderr
    reproduced.restore()
    assert reproduced.metrics() == before


def test_a_frontier_runs_what_is_missing_and_tabulates_what_is_there(reproduced):
    """β = 1 is what is committed, β = 2 runs, and 1e38 breaks the training: the table has the first two."""
    sweep = {"PYTHONPATH": "src", "BETA": "2 1 1e38"}
    failed = reproduced.run(sys.executable, "-m", "vaeline.frontier", ok=False, **sweep)
    assert failed.returncode == 1
    assert "Traceback" not in failed.stderr
    assert failed.stderr.splitlines()[-1] == "frontier: 1 failed, see above; the table has the others"
    assert "- beta = 1e+38: beta=1e38 failed: " in failed.stdout
    assert reproduced.run("git", "status", "--porcelain").stdout.split() == ["??", "docs/"]

    table = pd.read_csv(reproduced.root / "docs/frontier.csv").set_index("beta")
    assert table["experiment"].to_dict() == {1.0: "HEAD", 2.0: "beta=2"}
    evaluated = read(reproduced, "evaluate")
    assert table.loc[1.0, "elbo"] == evaluated["elbo"]
    assert table.loc[1.0, "rate_se"] == evaluated["rate_se"]
    assert table.loc[2.0, "rate"] < table.loc[1.0, "rate"]
    assert (reproduced.root / "docs/pictures/frontier.png").is_file()

    again = reproduced.run(sys.executable, "-m", "vaeline.frontier", **sweep | {"BETA": "1 2"})
    assert "beta=2: done" in failed.stderr
    assert "done" not in again.stderr  # nothing was run
    pd.testing.assert_frame_equal(pd.read_csv(reproduced.root / "docs/frontier.csv").set_index("beta"), table)
    shutil.rmtree(reproduced.root / "docs")

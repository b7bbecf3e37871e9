import json
import subprocess
import sys
from dataclasses import replace

import numpy as np
import pytest
import torch
from PIL import Image

from tests.conftest import ROOT
from tests.support.small import config, shown, vae
from vaeline.models import checkpoints
from vaeline.tracking import packaging
from vaeline.tracking.completion import NOTE, complete_run
from vaeline.tracking.description import OWN_HEADING
from vaeline.tracking.runs.content import RunContent
from vaeline.tracking.runs.inputs import RunInput
from vaeline.tracking.runs.store import TRAINING_RUN, Store
from vaeline.tracking.training_run import TrainingRun

CURVES = [{"epoch": epoch, "valid_elbo": -100.0 + epoch, "train_loss": 100.0 - epoch} for epoch in (1, 2, 3)]


def trained():
    """The content that train logs: its own params, and no metrics of other stages."""
    return RunContent("beta=4", {"beta": 4.0, "prior": {"name": "flow"}}, {"git.commit": "abc"})


def reported(**params):
    return replace(
        trained(),
        params=trained().params | {"iwae_k": 50} | params,
        tags={"git.commit": "abc", "dvc.experiment": "one"},
        metrics={"evaluate/elbo": -99.5},
        curves=CURVES,
    )


def logged_steps(client, run_id, metric="valid_elbo"):
    return [point.step for point in client.get_metric_history(run_id, metric)]


def system_metrics(client, run_id):
    return [name for name in client.get_run(run_id).data.metrics if name.startswith("system/")]


def train(experiment="e", resume="", epochs=3):
    with TrainingRun.open(experiment, trained(), resume) as run:
        run.curves(CURVES[:epochs])
    return run.id


def test_report_completes_the_run_of_its_training(client):
    run_id = train()
    assert complete_run("e", run_id, reported()) == run_id
    run = client.get_run(run_id)
    assert run.info.status == "FINISHED"
    assert run.data.params == {"beta": "4", "prior.name": "flow", "iwae_k": "50"}
    assert run.data.metrics["evaluate/elbo"] == -99.5
    assert logged_steps(client, run_id) == [1, 2, 3]


def test_completing_twice_changes_nothing(client):
    run_id = train()
    complete_run("e", run_id, reported())
    once = client.get_run(run_id).data.to_dictionary()
    assert complete_run("e", run_id, reported()) == run_id
    assert client.get_run(run_id).data.to_dictionary() == once
    assert logged_steps(client, run_id) == [1, 2, 3]


@pytest.mark.parametrize(
    "other",
    [
        reported(iwae_k=500),
        replace(reported(), metrics={"evaluate/elbo": -98.0}),
        replace(reported(), tags={"dvc.experiment": "two"}),
    ],
    ids=["params", "metrics", "experiment"],
)
def test_another_experiment_gets_a_child_run(client, other):
    run_id = train()
    complete_run("e", run_id, reported())
    before = client.get_run(run_id).data.to_dictionary()
    child_id = complete_run("e", run_id, other)
    child = client.get_run(child_id)
    assert child_id != run_id
    assert client.get_run(run_id).data.to_dictionary() == before
    assert child.info.status == "FINISHED"
    assert child.data.params.keys() == {"beta", "prior.name", "iwae_k"}
    assert child.data.tags[TRAINING_RUN] == child.data.tags["mlflow.parentRunId"] == run_id
    assert logged_steps(client, child_id) == [1, 2, 3]
    assert complete_run("e", run_id, other) == child_id


def test_run_of_a_training_that_the_store_lacks_is_logged_whole(client):
    run_id = complete_run("e", "0" * 32, reported())
    run = client.get_run(run_id)
    assert run.data.tags[TRAINING_RUN] == "0" * 32
    assert "mlflow.parentRunId" not in run.data.tags
    assert logged_steps(client, run_id) == [1, 2, 3]
    assert complete_run("e", "0" * 32, reported()) == run_id


def test_resumed_training_continues_its_run_and_logs_no_epoch_twice(client):
    first = train(epochs=2)
    client.update_run(first, status="RUNNING")  # as a killed process leaves it
    assert train(resume=first) == first
    assert logged_steps(client, first) == [1, 2, 3]
    assert client.get_run(first).info.status == "FINISHED"


def test_failed_training_leaves_a_failed_run(client):
    with pytest.raises(ValueError, match="diverged"):
        with TrainingRun.open("e", trained()) as run:
            raise ValueError("diverged")
    assert client.get_run(run.id).info.status == "FAILED"


def test_without_a_server_nothing_fails_and_a_warning_is_printed(client, monkeypatch, capsys):
    monkeypatch.setenv(
        "MLFLOW_TRACKING_URI", "http://127.0.0.1:9"
    )  # the discard port, on which nothing listens
    monkeypatch.setenv("MLFLOW_HTTP_REQUEST_MAX_RETRIES", "0")
    with TrainingRun.open("e", trained()) as run:
        run.curves(CURVES)
        run.artifacts({__file__: "x"})
    assert complete_run("e", run.id, reported()) == ""
    lines = capsys.readouterr().err.splitlines()
    assert len([line for line in lines if line.startswith("MLflow: not logged")]) == 2
    monkeypatch.delenv("MLFLOW_TRACKING_URI")
    later = complete_run("e", run.id, reported())
    assert client.get_run(later).data.params["beta"] == "4"
    assert complete_run("e", run.id, reported()) == later


def test_runs_and_files_are_at_the_repositorys_root_wherever_the_stage_runs(client, tmp_path, monkeypatch):
    elsewhere = tmp_path / "copy"
    elsewhere.mkdir()
    monkeypatch.chdir(elsewhere)
    run_id = train()
    assert (
        client.get_run(run_id).info.artifact_uri == (tmp_path / "mlartifacts" / run_id / "artifacts").as_uri()
    )
    assert list(elsewhere.iterdir()) == []


def test_report_renews_its_part_of_the_description_and_keeps_edited_notes(client):
    run_id = train()
    complete_run("e", run_id, replace(reported(), verdict="blur", note=f"mine\n{OWN_HEADING}\nblurred"))
    client.set_tag(run_id, NOTE, f"edited by hand\n{OWN_HEADING}\nblurred")
    complete_run("e", run_id, replace(reported(), verdict="healthy", note=f"mine\n{OWN_HEADING}\nhealthy"))
    tags = client.get_run(run_id).data.tags
    assert tags["verdict"] == "healthy"
    assert tags[NOTE] == f"edited by hand\n{OWN_HEADING}\nhealthy"
    assert [run.info.run_id for run in client.search_runs(["1"], "tags.verdict = 'healthy'")] == [run_id]


TRAIN = RunInput("d train", "training", "ab" * 18, "local", '{"uri": "here"}', "{}", '{"num_rows": 3}')


def test_run_has_its_data_sets_once(client):
    content = replace(reported(), inputs=[TRAIN])
    run_id = train()
    for _ in range(2):
        complete_run("e", run_id, content)
    (split,) = client.get_run(run_id).inputs.dataset_inputs
    assert (split.dataset.name, split.dataset.digest) == (TRAIN.name, TRAIN.digest)
    assert {tag.key: tag.value for tag in split.tags} == {"mlflow.data.context": "training"}


def test_pictures_are_in_the_grid_once_at_the_last_epoch(client, tmp_path):
    Image.new("RGB", (40, 30), "red").save(tmp_path / "a.png")
    run_id = train()
    for _ in range(2):
        complete_run("e", run_id, replace(reported(), pictures={"diagnose/a": str(tmp_path / "a.png")}))
    logged = [file.path for file in client.list_artifacts(run_id, "images")]
    assert sorted(path.rpartition(".")[2] for path in logged) == ["png", "webp"]
    assert all(path.startswith("images/diagnose~a+step+3+") for path in logged)


@pytest.fixture
def trained_model(tmp_path):
    """A model and its checkpoint."""
    model, path = vae(), tmp_path / "best.pt"
    facts = {"config": config().to_dict(), "shape": [1, 8, 8], "classes": 10}
    checkpoints.save_checkpoint(
        path, {**facts, "training": {"model": model.state_dict(), "optimizer": {"large": 1}}}
    )
    return model.eval(), path


def test_lines_of_the_guide_load_the_final_model_in_a_new_process(client, tmp_path, trained_model):
    model, path = trained_model
    run_id = train()
    for _ in range(2):
        complete_run("e", run_id, replace(reported(), checkpoint=path))
    (output,) = client.get_run(run_id).outputs.model_outputs
    logged = client.get_logged_model(output.model_id)
    assert (logged.name, logged.status, logged.source_run_id) == ("model", "READY", run_id)
    assert {metric.key: metric.value for metric in logged.metrics} == {"evaluate/elbo": -99.5}
    assert len(client.get_metric_history(run_id, "evaluate/elbo")) == 1

    x = shown(5).numpy()
    np.save(tmp_path / "x.npy", x)
    done = subprocess.run(
        [sys.executable, "-c", guide_lines().replace("RUN_ID", run_id) + USE.replace("RUN_ID", run_id)],
        cwd=tmp_path,
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode == 0, done.stderr
    results = {key: torch.tensor(values) for key, values in json.loads(done.stdout.splitlines()[-1]).items()}
    mean = model.encode(torch.from_numpy(x)).mean.detach()
    torch.testing.assert_close(results["encoded"], mean)
    torch.testing.assert_close(results["by_predict"], mean)
    assert results["reconstructed"].shape == (5, 1, 8, 8)
    assert results["sampled"].shape == (4, 1, 8, 8)
    assert 0 <= results["sampled"].min() < results["sampled"].max() <= 1


def guide_lines():
    """The lines of the guide that load a model from MLflow."""
    guide = (ROOT / "docs/guides/trained_model.md").read_text()
    return "import mlflow\n" + guide.partition("```python\nimport mlflow\n")[2].partition("```")[0]


USE = """
import json
import numpy as np

x = np.load("x.npy")
loaded = mlflow.pyfunc.load_model("runs:/RUN_ID/model")
print(json.dumps({
    "encoded": model.encode(x).tolist(),
    "reconstructed": model.reconstruct(x).tolist(),
    "sampled": model.sample(4).tolist(),
    "by_predict": loaded.predict({"image": x}, {"method": "encode"}).tolist(),
}))
"""


def test_use_of_the_machine_is_logged_and_continues_after_a_kill(client, monkeypatch):
    monkeypatch.setenv("MLFLOW_SYSTEM_METRICS_SAMPLING_INTERVAL", "0.05")
    cpu, run_id, before = "system/cpu_utilization_percentage", "", 0
    for _ in range(2):
        with TrainingRun.open("e", trained(), run_id) as run:
            for _ in range(5000):  # of some milliseconds
                if len(logged_steps(client, run.id, cpu)) > before:
                    break
        logged, run_id = logged_steps(client, run.id, cpu), run.id
        assert logged == list(range(len(logged)))
        assert len(logged) > before
        before = len(logged)


def test_where_the_machine_cannot_be_read_the_run_is_logged_without_its_use(client, monkeypatch, capsys):
    for module in [name for name in sys.modules if name.startswith("mlflow.system_metrics")]:
        monkeypatch.delitem(sys.modules, module)
    monkeypatch.setitem(sys.modules, "mlflow.system_metrics", None)
    run_id = train()
    assert logged_steps(client, run_id) == [1, 2, 3]
    assert system_metrics(client, run_id) == []
    assert "not logged" not in capsys.readouterr().err


LONG = "größer als das, was bleibt 🙂 " * 400


@pytest.mark.parametrize(
    "kept",
    [
        reported(notes=LONG),
        reported(notes="half a pair \ud800, a NUL \0, a line\r\n"),
        replace(reported(), tags={"dvc.experiment": LONG, "evaluate/note": LONG}),
        replace(reported(), note=LONG, verdict="blur"),
        replace(reported(), metrics={"a": float("nan"), "b": float("inf"), "c": float("-inf"), "d": 2**70}),
        replace(reported(), name="x" * 300),
    ],
    ids=["notes", "characters", "tags", "description", "metrics", "name"],
)
def test_what_mlflow_keeps_otherwise_makes_no_other_run(client, kept):
    run_id = train()
    for _ in range(2):
        assert complete_run("e", run_id, kept) == run_id
    assert len(client.search_runs(["1"])) == 1


def test_long_notes_that_differ_at_their_end_are_another_run(client):
    run_id = train()
    assert complete_run("e", run_id, reported(notes=LONG)) == run_id
    assert complete_run("e", run_id, reported(notes=LONG + "!")) != run_id


def test_two_reports_that_claim_one_run_at_the_same_time_get_two(client, monkeypatch):
    run_id = train()
    store = Store("e")
    before = store.find(run_id)
    assert store.claim(before, reported(iwae_k=500))
    assert not store.claim(before, reported(iwae_k=5000))
    assert client.get_run(run_id).data.params["iwae_k"] == "500"


def test_model_that_a_killed_report_left_pending_is_completed(client, monkeypatch, trained_model):
    content, run_id = replace(reported(), checkpoint=trained_model[1]), train()

    def package(folder, *_):
        folder.mkdir()
        (folder / "MLmodel").touch()

    def killed(*_):
        raise KeyboardInterrupt

    monkeypatch.setattr(packaging, "_package", killed)
    with pytest.raises(KeyboardInterrupt):
        complete_run("e", run_id, content)
    (pending,) = client.search_logged_models(["1"])
    assert pending.status == "PENDING"
    monkeypatch.setattr(packaging, "_package", package)
    for _ in range(2):
        assert complete_run("e", run_id, content) == run_id
    (model,) = client.search_logged_models(["1"])
    assert (model.model_id, model.status) == (pending.model_id, "READY")
    (output,) = client.get_run(run_id).outputs.model_outputs
    assert output.model_id == model.model_id
    assert len(client.get_metric_history(run_id, "evaluate/elbo")) == 1

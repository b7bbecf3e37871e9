from collections.abc import Mapping
from dataclasses import replace
from types import MappingProxyType
from typing import Any

import pytest

from vaeline.core.errors import VaelineError
from vaeline.tracking import packaging
from vaeline.tracking.completion import complete_run
from vaeline.tracking.registration import CHAMPION, Candidate, register_model
from vaeline.tracking.training_run import TrainingRun

NAME = "digits vae"
METRICS = {"prepare/data": "digits", "prepare/valid_sha256": "ab" * 32, "train/valid_elbo": -99.0}


def candidate(
    elbo: float, training_run: str = "", tags: Mapping[str, str] = MappingProxyType({}), **params: object
) -> Candidate:
    values = {"experiment_name": "e", "select": "best", "likelihood": {"name": "bernoulli"}, "best": elbo}
    return Candidate(values | params, METRICS | {"train/best_valid_elbo": elbo}, training_run, tags)


@pytest.fixture(autouse=True)
def small_package(monkeypatch):
    def package(folder, *_):
        folder.mkdir()
        (folder / "MLmodel").touch()

    monkeypatch.setattr(packaging, "_package", package)


def reported(elbo: float, **changes: Any) -> Candidate:
    """Returns a run whose report has logged its model."""
    chosen = candidate(elbo, **changes)
    content = replace(chosen.content(), checkpoint="best.pt")
    with TrainingRun.open("e", content) as run:
        pass
    complete_run("e", run.id, content)
    return replace(chosen, training_run=run.id)


def champion(client) -> str:
    return str(client.get_model_version_by_alias(NAME, CHAMPION).version)


def test_the_version_with_the_best_validation_elbo_is_the_champion(client):
    first, better, worse = reported(-100.0), reported(-90.0), reported(-95.0)
    assert "version 1 in" in register_model(NAME, first)
    assert champion(client) == "1"
    assert "champion now (validation ELBO -90.00, before it version 1)" in register_model(NAME, better)
    assert champion(client) == "2"
    assert "remains version 2 (validation ELBO -90.00, here -95.00)" in register_model(NAME, worse)
    assert champion(client) == "2"

    version = client.get_model_version(NAME, "1")
    assert version.run_id == first.training_run
    assert version.tags["likelihood"] == "bernoulli"
    (output,) = client.get_run(version.run_id).outputs.model_outputs
    assert version.source == client.get_logged_model(output.model_id).artifact_location


def test_registering_again_makes_no_second_version(client):
    run = reported(-100.0)
    for _ in range(2):
        said = register_model(NAME, run)
    assert "version 1 in" in said
    assert said.endswith("it is the champion")
    assert len(client.search_model_versions(f"name = '{NAME}'")) == 1


def test_model_of_an_earlier_experiment_with_equal_results_is_registered(client):
    """DVC's run cache restores a report, so that it does not run under the new name."""
    experiments = [{"dvc.experiment": name} for name in ("first", "again")]
    first = reported(-100.0, tags=experiments[0])
    said = register_model(NAME, replace(first, tags=experiments[1]))
    assert "version 1 in" in said
    assert client.get_model_version(NAME, "1").run_id == first.training_run
    with pytest.raises(VaelineError, match="has no model of this run"):
        register_model(NAME, replace(first, tags=experiments[1], params={**first.params, "best": -99.0}))


def test_elbos_of_different_things_are_not_compared(client):
    register_model(NAME, reported(-100.0))
    said = register_model(NAME, reported(900.0, likelihood={"name": "gaussian"}))
    assert (
        "remains version 1, whose validation ELBO is not comparable (digits abababababab, bernoulli;" in said
    )
    assert champion(client) == "1"


def test_selected_checkpoint_decides_which_elbo_counts():
    assert candidate(-80.0).valid_elbo == -80.0
    assert candidate(-80.0, select="last").valid_elbo == -99.0


def test_run_without_a_logged_model_is_rejected_in_one_line(client):
    with pytest.raises(
        VaelineError, match="has no model of this run to register: `dvc repro --force"
    ) as error:
        register_model(NAME, candidate(-100.0, "0" * 32))
    assert "\n" not in str(error.value)


def test_without_a_server_the_message_says_how_to_repeat(client, monkeypatch):
    monkeypatch.setenv("MLFLOW_TRACKING_URI", "http://127.0.0.1:9")
    monkeypatch.setenv("MLFLOW_HTTP_REQUEST_MAX_RETRIES", "0")
    with pytest.raises(
        VaelineError, match=r"gate is passed, but 'digits vae' was not registered .*single-item gate`"
    ):
        register_model(NAME, candidate(-100.0, "0" * 32))

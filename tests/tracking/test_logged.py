"""Models out of MLflow, logged and registered as the stages report and gate do it."""

from dataclasses import replace

import numpy as np
import pytest
import torch

from tests.support.small import labels, shown
from tests.support.stored import store
from tests.tracking.test_registration import candidate
from vaeline.core.errors import VaelineError
from vaeline.data.observations import Labelled
from vaeline.serving import load
from vaeline.tracking.completion import complete_run
from vaeline.tracking.registration import register_model
from vaeline.tracking.training_run import TrainingRun


def test_logged_model_is_loaded_by_its_run_and_by_its_name_in_the_registry(client, tmp_path):
    model, chosen = store(tmp_path / "best.pt", model={"name": "conditional"}), candidate(-90.0)
    content = replace(chosen.content(), checkpoint=tmp_path / "best.pt")
    with TrainingRun.open("e", content) as run:
        pass
    complete_run("e", run.id, content)
    register_model("vae", replace(chosen, training_run=run.id))
    (tmp_path / "best.pt").unlink()
    x, y = shown(3), labels()[:3]
    for source in (f"runs:/{run.id}", "models:/vae@champion", "models:/vae/1"):
        trained = load(source)
        assert trained.source == source
        np.testing.assert_allclose(
            trained.encode(x, y), model.encode(Labelled(x, torch.from_numpy(y))).mean.detach()
        )
    for source in ("models:/vae@best", "models:/vae/7", "runs:/0123"):
        with pytest.raises(
            VaelineError, match=f"{source}: no such model in .*mlflow.db .*`vaeline ui` lists"
        ) as error:
            load(source)
        assert "\n" not in str(error.value)

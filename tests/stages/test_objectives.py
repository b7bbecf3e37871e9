"""Every objective through the stages that build it, on digits."""

import pytest

from stages import check, prepare, train
from tests.conftest import ROOT
from tests.support.small import config
from vaeline.core.errors import VaelineError
from vaeline.core.files import read_json
from vaeline.core.params import StageParams
from vaeline.data.prepared import Prepared
from vaeline.training.build import build
from vaeline.training.objectives.catalog import OBJECTIVES


@pytest.fixture(scope="module")
def prepared(tmp_path_factory):
    root = tmp_path_factory.mktemp("objectives")
    for name in ("dvc.yaml", "params.yaml"):
        (root / name).write_text((ROOT / name).read_text())
    with pytest.MonkeyPatch.context() as patch:
        patch.chdir(root)
        patch.setenv("DVC_ROOT", str(root))
        patch.delenv("MLFLOW_TRACKING_URI", raising=False)
        prepare.main(params())
        yield root


def params(**changes: object) -> StageParams:
    return config(data={"name": "digits"}, epochs=3, learning_rate=1e-2, **changes)


# VGG-16 takes a minute here; tests/training/objectives has it.
@pytest.mark.usefixtures("prepared")
@pytest.mark.parametrize("name", [name for name in OBJECTIVES if name != "perceptual"])
def test_objective_passes_the_checks_and_trains(name):
    chosen = params(objective={"name": name, "k": 2}, beta=2.0, kl_warmup_epochs=1.0)
    check.main(chosen)
    train.main(chosen)
    metrics = read_json("outputs/train/metrics.json")
    assert metrics["skipped_updates"] == 0
    # Independent pixels, each at its own mean frequency, reach about −33.4 nats on these digits.
    assert metrics["valid_elbo"] > -32


@pytest.mark.usefixtures("prepared")
@pytest.mark.parametrize("name", ["beta_tc", "dip", "factor", "info"])
def test_unsupported_choices_stop_the_check_stage(name):
    for changes in ({"model": {"name": "two_layer"}}, {"free_bits": 0.1}, {"batch_size": 1}):
        with pytest.raises(VaelineError, match=f"objective.name={name}"):
            check.main(params(objective={"name": name}, **changes))


@pytest.mark.usefixtures("prepared")
@pytest.mark.parametrize(
    ("changes", "reason"),
    [
        ({"objective": {"name": "dip"}}, "objective.name = 'dip' compares the examples of a whole batch"),
        ({"network": {"batch_norm": True}}, "BatchNorm's statistics are of a whole batch"),
    ],
    ids=["dip", "batch_norm"],
)
def test_what_several_processes_cannot_train_stops_the_check_stage(monkeypatch, changes, reason):
    monkeypatch.setenv("NPROC", "2")
    with pytest.raises(VaelineError, match=f"^2 processes: {reason}"):
        check.main(params(**changes))


@pytest.mark.usefixtures("prepared")
def test_objective_receives_the_latent_dim_of_the_model():
    """A VQ-VAE has 16 codes of 8 dimensions; `latent_dim` is not its."""
    chosen = params(objective={"name": "factor"}, model={"name": "vq"}, latent_dim=2)
    _, objective = build(chosen, Prepared.open())
    assert objective.discriminator[0].in_features == 16 * 8
    check.main(chosen)  # the loss of the z that it is given

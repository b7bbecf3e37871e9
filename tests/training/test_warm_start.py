import pytest
import torch

from tests.support.small import config, vae
from tests.support.trainings import equal, trained
from vaeline.core.errors import VaelineError
from vaeline.models import checkpoints
from vaeline.provenance.dependencies import dependency_hash
from vaeline.training.warm_start import RANDOM, start_from_checkpoint, warm_start_tags


@pytest.fixture
def path(tmp_path) -> str:
    """A checkpoint of a training with a moving average."""
    training, _ = trained(ema_decay=0.7, epochs=1)
    facts = {"config": config().to_dict(), "shape": [1, 8, 8], "classes": 10}
    checkpoints.save_checkpoint(tmp_path / "best.pt", {**facts, "training": training.state_dict()})
    return str(tmp_path / "best.pt")


def started_from(path: str, **changes: object) -> torch.nn.Module:
    params = config(init_from=path, **changes)
    model = vae(**params.to_dict())
    start_from_checkpoint(model, params)
    return model


def refusal(path: str, **changes: object) -> str:
    with pytest.raises(VaelineError) as raised:
        started_from(path, **changes)
    assert "\n" not in str(raised.value)
    return str(raised.value)


def test_training_starts_from_the_weights_that_the_other_was_evaluated_with(path):
    assert equal(dict(started_from(path).state_dict()), dict(checkpoints.load(path).state_dict()))


def test_by_default_weights_stay_random():
    torch.manual_seed(0)
    expected = vae().state_dict()
    torch.manual_seed(0)
    assert equal(dict(started_from(RANDOM).state_dict()), dict(expected))


def test_first_weight_that_does_not_fit_is_named_with_the_command_that_builds_its_model(path):
    message = refusal(path, hidden_dim=24, network={"mlp": {"depth": 1}})
    assert message == (
        f"init_from = '{path}': 'encoder.1.0.weight' is 16×64 float32 there, and 24×64 float32 in this "
        f"model: build its model, `dvc exp run -S init_from={path} -S hidden_dim=16 -S network.mlp.depth=2`"
    )


def test_model_with_more_or_fewer_weights_is_refused(path):
    assert "it has no 'prior.loc', which this model has" in refusal(path, prior={"name": "mixture"})
    content = checkpoints.read_checkpoint(path)
    content["training"]["model"]["another"] = torch.zeros(1)
    checkpoints.save_checkpoint(path, content)
    assert "it has 'another', which this model has not: it is of other data" in refusal(path)


def test_weights_that_are_not_finite_are_refused(path):
    content = checkpoints.read_checkpoint(path)
    next(iter(content["training"]["model"].values()))[0] = float("nan")
    checkpoints.save_checkpoint(path, content)
    assert "'encoder.1.0.weight' holds NaN or infinity" in refusal(path)


def test_file_that_is_missing_or_no_checkpoint_is_one_line(tmp_path):
    missing = str(tmp_path / "none.pt")
    assert refusal(missing) == (
        f"init_from = '{missing}': there is no such file: name a checkpoint, or start from random weights, "
        "`dvc exp run -S init_from=data/init/random`"
    )
    (tmp_path / "text.pt").write_text("text")
    assert "text.pt: damaged checkpoint" in refusal(str(tmp_path / "text.pt"))


def test_origin_has_the_checkpoint_and_its_hash(path):
    assert warm_start_tags(RANDOM) == {}
    assert warm_start_tags(path) == {"init_from": path, "init_from.md5": dependency_hash(path)}

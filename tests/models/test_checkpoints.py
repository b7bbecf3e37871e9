import pickle
from pathlib import Path

import pytest
import torch

from tests.support.small import config, merged, shown, vae
from vaeline.core.errors import VaelineError
from vaeline.models import checkpoints
from vaeline.models.checkpoints import CheckpointError


def content(**changes: object) -> dict:
    params = config(**changes)
    return {
        "config": params.to_dict(),
        "shape": [1, 8, 8],
        "classes": 10,
        "training": {"model": vae(**params.to_dict()).state_dict()},
    }


@pytest.fixture
def path(tmp_path) -> Path:
    return tmp_path / "best.pt"


def refused(path: Path, read=checkpoints.read_checkpoint) -> str:
    with pytest.raises(CheckpointError) as caught:
        read(path)
    message = str(caught.value)
    assert message.startswith(f"{path}: ")
    assert "\n" not in message
    return message


@pytest.mark.parametrize(
    "changes",
    [
        {},
        {"hidden_dim": 24, "latent_dim": 5, "network": {"mlp": {"depth": 3, "mirrored": False}}},
        {"network": {"name": "conv", "batch_norm": True, "activation": "tanh"}},
        {"posterior": {"diagonal": {"log_var_max": 1.0}}},
    ],
    ids=str,
)
def test_what_is_loaded_is_the_model_that_was_saved_built_from_its_own_config(path, changes, monkeypatch):
    params = config(**changes)
    model = vae(**params.to_dict())
    model.infer(shown(20))  # so that BatchNorm has statistics of its own
    saved = {
        "config": params.to_dict(),
        "shape": [1, 8, 8],
        "classes": 10,
        "training": {"model": model.state_dict()},
    }
    checkpoints.save_checkpoint(path, saved)
    monkeypatch.chdir(path.parent)
    Path("params.yaml").write_text("latent_dim: 999\n")  # what params.yaml says by then is of no account
    loaded = checkpoints.load(path)
    assert not loaded.training
    x = shown(5)
    expected, seen = ([torch.manual_seed(1), m.eval().infer(x, 3).log_weights(x)][1] for m in (model, loaded))
    assert torch.equal(seen, expected)
    assert loaded.infer(x).likelihood.mean.shape == (1, 5, 1, 8, 8)
    images = loaded.sample(4)
    assert images.shape == (4, 1, 8, 8)
    assert 0 <= images.min() <= images.max() <= 1


def test_read_gives_back_what_was_saved(path):
    checkpoints.save_checkpoint(
        path, {"shape": [1, 2], "text": "x", "deep": {"tensor": torch.arange(3)}, "none": None}
    )
    read = checkpoints.read_checkpoint(path)
    assert read.pop("format") == checkpoints.FORMAT
    assert torch.equal(read.pop("deep")["tensor"], torch.arange(3))
    assert read == {"shape": [1, 2], "text": "x", "none": None}


def test_select_names_the_file(tmp_path):
    for name, hidden in (("best", 8), ("last", 9)):
        checkpoints.save_checkpoint(tmp_path / f"{name}.pt", content(hidden_dim=hidden))
        model = checkpoints.load_selected(name, tmp_path)
        assert model.get_parameter("encoder.1.0.weight").shape[0] == hidden


def test_a_missing_checkpoint_is_named_with_what_makes_it(path):
    assert "dvc repro train" in refused(path)


def test_a_flipped_byte_anywhere_is_refused_or_changes_nothing(path):
    """Only a byte that nothing reads, such as a time stamp or padding, may change."""
    saved = {"numbers": torch.arange(40.0), "name": "best", "nested": {"epoch": 3}}
    checkpoints.save_checkpoint(path, saved)
    whole = path.read_bytes()
    refusals = 0
    for position in range(0, len(whole), 3):
        damaged = bytearray(whole)
        damaged[position] ^= 0xFF
        path.write_bytes(damaged)
        try:
            read = checkpoints.read_checkpoint(path)
        except CheckpointError:
            refused(path)
            refusals += 1
        else:
            assert torch.equal(read.pop("numbers"), saved["numbers"])
            assert read == {"format": checkpoints.FORMAT, "name": "best", "nested": {"epoch": 3}}
    assert refusals > 100


@pytest.mark.parametrize("share", [0.0, 0.01, 0.5, 0.9, 0.999])
def test_a_truncated_checkpoint_is_refused_by_name(path, share):
    checkpoints.save_checkpoint(path, content())
    whole = path.read_bytes()
    path.write_bytes(whole[: int(share * len(whole))])
    assert "damaged checkpoint" in refused(path)


@pytest.mark.parametrize(
    "foreign",
    [{"weight": torch.zeros(2)}, [1, 2], torch.zeros(3), {"format": "another 1"}],
    ids=["state dict", "list", "tensor", "another format"],
)
def test_a_file_of_torchs_that_is_not_ours_is_refused(path, foreign):
    torch.save(foreign, path)
    assert "not a checkpoint of vaeline's" in refused(path)


def test_a_file_that_is_nothing_of_the_kind_is_refused(path):
    path.write_text("epoch,loss\n1,2\n")
    assert "damaged checkpoint" in refused(path)


class Harmful:
    def __reduce__(self):
        return Path.touch, (Path(self.target),)

    def __init__(self, target: Path) -> None:
        self.target = str(target)


def test_code_in_a_checkpoint_is_not_run(path, tmp_path):
    target = tmp_path / "it_ran"
    torch.save({"format": checkpoints.FORMAT, "config": Harmful(target)}, path)
    refused(path)
    path.write_bytes(pickle.dumps(Harmful(target)))
    refused(path)
    assert not target.exists()


def test_weights_that_do_not_fit_the_configuration_are_refused(path):
    checkpoints.save_checkpoint(path, content() | {"config": config(hidden_dim=17).to_dict()})
    assert "its weights do not fit its configuration" in refused(path, checkpoints.load)


@pytest.mark.parametrize(
    "change",
    [{"network": {"name": "transformer"}}, {"network": {"mlp": {"width": 3}}}, {"prior": {"name": "vamp"}}],
    ids=str,
)
def test_a_configuration_of_another_version_is_refused_by_the_checkpoints_name(path, change):
    """Not by that of params.yaml, in which there is nothing to mend."""
    saved = content()
    checkpoints.save_checkpoint(path, saved | {"config": merged(saved["config"], change)})
    with pytest.raises(VaelineError) as caught:
        checkpoints.load(path)
    assert str(path) in str(caught.value)
    assert "params.yaml" not in str(caught.value)


@pytest.mark.parametrize("missing", ["config", "shape", "classes", "training"])
def test_an_incomplete_checkpoint_is_refused_by_name(path, missing):
    checkpoints.save_checkpoint(path, {key: value for key, value in content().items() if key != missing})
    refused(path, checkpoints.load)


def test_a_failed_save_leaves_the_old_checkpoint(path):
    checkpoints.save_checkpoint(path, {"epoch": 1})
    with pytest.raises(AttributeError):
        checkpoints.save_checkpoint(path, {"epoch": 2, "unpicklable": lambda: None})
    assert checkpoints.read_checkpoint(path)["epoch"] == 1
    assert [file.name for file in path.parent.iterdir()] == ["best.pt"]


def test_a_full_disk_is_an_error_that_names_the_checkpoint(path, full_disk):
    """torch.save to a path raises a RuntimeError then, which no stage can tell from a mistake in the code."""
    with pytest.raises(OSError, match="No space left") as caught:
        checkpoints.save_checkpoint(path, content())
    assert caught.value.filename == str(path)
    assert not path.exists()

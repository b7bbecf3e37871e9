import pickle
from collections.abc import Iterator
from copy import deepcopy
from pathlib import Path
from typing import Any

import pytest
import torch
from hypothesis import example, given
from hypothesis import strategies as st

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


def rejection(path: Path, read=checkpoints.read_checkpoint) -> str:
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
def test_a_loaded_model_is_the_saved_one_built_from_its_own_params(path, changes, monkeypatch):
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
    Path("params.yaml").write_text("latent_dim: 999\n")  # whose values do not matter then
    loaded = checkpoints.load(path)
    assert not loaded.training
    x = shown(5)
    expected, weights = (
        [torch.manual_seed(1), m.eval().infer(x, 3).log_weights(x)][1] for m in (model, loaded)
    )
    assert torch.equal(weights, expected)
    assert loaded.infer(x).likelihood.mean.shape == (1, 5, 1, 8, 8)
    images = loaded.sample(4)
    assert images.shape == (4, 1, 8, 8)
    assert 0 <= images.min() <= images.max() <= 1


def test_a_saved_checkpoint_reads_back_equal(path):
    checkpoints.save_checkpoint(
        path, {"shape": [1, 2], "text": "x", "deep": {"tensor": torch.arange(3)}, "none": None}
    )
    read = checkpoints.read_checkpoint(path)
    assert read.pop("format") == checkpoints.FORMAT
    assert torch.equal(read.pop("deep")["tensor"], torch.arange(3))
    assert read == {"shape": [1, 2], "text": "x", "none": None}


def test_load_selected_loads_the_file_of_that_name(tmp_path):
    for name, hidden in (("best", 8), ("last", 9)):
        checkpoints.save_checkpoint(tmp_path / f"{name}.pt", content(hidden_dim=hidden))
        model = checkpoints.load_selected(name, tmp_path)
        assert model.get_parameter("encoder.1.0.weight").shape[0] == hidden


def test_error_for_a_missing_checkpoint_says_how_to_make_it(path):
    assert "dvc repro train" in rejection(path)


def test_a_flipped_byte_anywhere_is_rejected_or_changes_nothing(path):
    """Only a byte that nothing reads, such as a time stamp or padding, may change."""
    saved = {"numbers": torch.arange(40.0), "name": "best", "nested": {"epoch": 3}}
    checkpoints.save_checkpoint(path, saved)
    whole = path.read_bytes()
    rejections = 0
    for position in range(0, len(whole), 3):
        damaged = bytearray(whole)
        damaged[position] ^= 0xFF
        path.write_bytes(damaged)
        try:
            read = checkpoints.read_checkpoint(path)
        except CheckpointError:
            rejection(path)
            rejections += 1
        else:
            assert torch.equal(read.pop("numbers"), saved["numbers"])
            assert read == {"format": checkpoints.FORMAT, "name": "best", "nested": {"epoch": 3}}
    assert rejections > 100


@pytest.mark.parametrize("share", [0.0, 0.01, 0.5, 0.9, 0.999])
def test_a_truncated_checkpoint_is_rejected(path, share):
    checkpoints.save_checkpoint(path, content())
    whole = path.read_bytes()
    path.write_bytes(whole[: int(share * len(whole))])
    assert "damaged checkpoint" in rejection(path)


@pytest.mark.parametrize(
    "foreign",
    [{"weight": torch.zeros(2)}, [1, 2], torch.zeros(3), {"format": "another 1"}],
    ids=["state dict", "list", "tensor", "another format"],
)
def test_another_file_of_torch_is_rejected(path, foreign):
    torch.save(foreign, path)
    assert "not a checkpoint of vaeline's" in rejection(path)


def test_a_text_file_is_rejected(path):
    path.write_text("epoch,loss\n1,2\n")
    assert "damaged checkpoint" in rejection(path)


class Harmful:
    def __reduce__(self):
        return Path.touch, (Path(self.target),)

    def __init__(self, target: Path) -> None:
        self.target = str(target)


def test_code_in_a_checkpoint_is_not_run(path, tmp_path):
    target = tmp_path / "it_ran"
    torch.save({"format": checkpoints.FORMAT, "config": Harmful(target)}, path)
    rejection(path)
    path.write_bytes(pickle.dumps(Harmful(target)))
    rejection(path)
    assert not target.exists()


def test_weights_that_do_not_fit_the_params_are_rejected(path):
    checkpoints.save_checkpoint(path, content() | {"config": config(hidden_dim=17).to_dict()})
    assert "its weights do not fit its configuration" in rejection(path, checkpoints.load)


@pytest.mark.parametrize(
    "change",
    [{"network": {"name": "transformer"}}, {"network": {"mlp": {"width": 3}}}, {"prior": {"name": "vamp"}}],
    ids=str,
)
def test_error_for_params_of_another_version_names_the_checkpoint(path, change):
    """Not params.yaml, in which there is nothing to fix."""
    saved = content()
    checkpoints.save_checkpoint(path, saved | {"config": merged(saved["config"], change)})
    with pytest.raises(VaelineError) as caught:
        checkpoints.load(path)
    assert str(path) in str(caught.value)
    assert "params.yaml" not in str(caught.value)


@pytest.mark.parametrize("missing", ["config", "shape", "classes", "training"])
def test_an_incomplete_checkpoint_is_rejected(path, missing):
    checkpoints.save_checkpoint(path, {key: value for key, value in content().items() if key != missing})
    assert f"without '{missing}'" in rejection(path, checkpoints.load)


FIRST = "encoder.1.0.weight"


@pytest.mark.parametrize("value", [torch.nan, torch.inf, -torch.inf])
def test_weight_that_is_not_finite_is_rejected_by_name(path, value):
    saved = content()
    saved["training"]["model"][FIRST][2, 3] = value
    checkpoints.save_checkpoint(path, saved)
    assert f"{FIRST} holds NaN or infinity" in rejection(path, checkpoints.load)
    checkpoints.save_checkpoint(path, content())
    assert all(value.isfinite().all() for value in checkpoints.load(path).state_dict().values())


@pytest.mark.parametrize("dtype", [torch.float64, torch.int8, torch.complex64, torch.bfloat16])
def test_weight_of_another_type_is_rejected_by_name(path, dtype):
    saved = content()
    saved["training"]["model"][FIRST] = saved["training"]["model"][FIRST].to(dtype)
    checkpoints.save_checkpoint(path, saved)
    assert f"{FIRST} is {dtype}, not torch.float32" in rejection(path, checkpoints.load)


@pytest.mark.parametrize(
    ("change", "named"),
    [
        ({"config": None}, "'config'"),
        ({"config": {1: 2}}, "'config"),
        ({"config": {}}, "'model' is not a param"),
        ({"shape": (1, 8, 8)}, "'shape'"),
        ({"shape": [1, 8, 8.0]}, "'shape.2'"),
        ({"shape": []}, "'shape'"),
        ({"shape": [1, 0, 8]}, "'shape.1'"),
        ({"classes": "10"}, "'classes'"),
        ({"classes": torch.tensor(10)}, "'classes'"),
        ({"training": [1]}, "'training'"),
        ({"training": {"model": None}}, "'training.model'"),
        ({"training": {"model": {FIRST: [1.0]}}}, f"'training.model.{FIRST}'"),
        ({"config": {**config().to_dict(), "latent_dim": "3"}}, "latent_dim = '3' is not allowed"),
        ({"config": {**config().to_dict(), "latent_dim": 3.5}}, "latent_dim = 3.5 is not allowed"),
        ({"config": {**config().to_dict(), "network": 7}}, "network = 7|dictionary"),
        ({"config": {**config().to_dict(), "prior": None}}, "dictionary|prior"),
    ],
    ids=lambda value: str(value)[:40],
)
def test_wrong_type_is_rejected_by_the_name_of_what_has_it(path, change, named):
    checkpoints.save_checkpoint(path, content() | change)
    message = rejection(path, checkpoints.load)
    assert any(part in message for part in named.split("|")), message


def places(values: Any, way: tuple = ()) -> Iterator[tuple]:
    """Yields the keys that lead to each value at every depth."""
    pairs = (
        values.items() if isinstance(values, dict) else enumerate(values) if isinstance(values, list) else ()
    )
    for key, value in pairs:
        yield (*way, key)
        yield from places(value, (*way, key))


SAVED = content()
PLACES = sorted((place for place in places(SAVED) if len(place) <= 3), key=str)
ANYTHING = st.recursive(
    st.sampled_from([None, True, -1, 0, 7, 10**30, 0.5, torch.nan, "", "name", b"x", (1, 2)])
    | st.sampled_from([torch.zeros(()), torch.full((3, 16), torch.nan), torch.zeros(2, 0), torch.arange(3)])
    | st.just(torch.eye(2).to_sparse()),
    lambda inner: (
        st.lists(inner, max_size=2) | st.dictionaries(st.sampled_from(["name", 1]), inner, max_size=2)
    ),
    max_leaves=3,
)


@given(place=st.sampled_from(PLACES), value=ANYTHING)
@example(place=("training", "model", FIRST), value=torch.full((16, 64), torch.nan))
@example(place=("config", "hidden_dim"), value=10**30)
def test_checkpoint_with_anything_in_any_place_is_loaded_whole_or_rejected_in_one_line(
    tmp_path_factory, place, value
):
    path = tmp_path_factory.getbasetemp() / "anything.pt"
    damaged = deepcopy(SAVED)
    *way, last = place
    inner = damaged
    for key in way:
        inner = inner[key]
    inner[last] = value
    checkpoints.save_checkpoint(path, damaged)
    try:
        images = checkpoints.load(path).sample(2)
    except CheckpointError:
        rejection(path, checkpoints.load)
    else:
        assert images.isfinite().all()


def test_a_failed_save_keeps_the_old_checkpoint(path):
    checkpoints.save_checkpoint(path, {"epoch": 1})
    with pytest.raises(AttributeError):
        checkpoints.save_checkpoint(path, {"epoch": 2, "unpicklable": lambda: None})
    assert checkpoints.read_checkpoint(path)["epoch"] == 1
    assert [file.name for file in path.parent.iterdir()] == ["best.pt"]


def test_error_for_a_full_disk_names_the_checkpoint(path, full_disk):
    """torch.save to a path raises RuntimeError then, which a stage cannot tell from a bug."""
    with pytest.raises(OSError, match="No space left") as caught:
        checkpoints.save_checkpoint(path, content())
    assert caught.value.filename == str(path)
    assert not path.exists()


def test_what_a_model_was_trained_on_is_kept_and_may_be_unknown(path):
    model = vae()
    model.config, model.trained_on = config().to_dict(), {"name": "image_folder", "background": "black"}
    checkpoints.save_model(path, model)
    assert checkpoints.load(path).trained_on == model.trained_on
    checkpoints.save_checkpoint(path, content())
    assert checkpoints.load(path).trained_on == {}


def test_names_of_columns_are_kept_and_are_as_many_as_columns(path):
    model = vae((2,), likelihood={"name": "gaussian"})
    model.config, model.columns = config(likelihood={"name": "gaussian"}).to_dict(), ("mass", "length")
    checkpoints.save_model(path, model)
    assert checkpoints.load(path).columns == ("mass", "length")
    model.columns = ("mass",)
    checkpoints.save_model(path, model)
    assert "columns has another number of names" in rejection(path, checkpoints.load)

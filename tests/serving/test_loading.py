import shutil

import numpy as np
import pytest
import torch

from tests.support.small import shown
from tests.support.stored import store
from vaeline.core.errors import VaelineError
from vaeline.serving import load
from vaeline.serving.folder import write_model

CONV = {"network": {"name": "conv"}}  # its kernels lie in memory channel by channel


@pytest.fixture
def model(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("DVC_ROOT", str(tmp_path))
    return store(tmp_path / "outputs/train/checkpoints/best.pt", **CONV)


@pytest.mark.parametrize(
    "source", ["outputs/train/checkpoints/best.pt", "outputs/train/checkpoints", "outputs/train", ".", None]
)
def test_a_run_is_loaded_from_any_of_its_places(model, source):
    trained = load() if source is None else load(source)
    x = shown(3)
    np.testing.assert_array_equal(trained.encode(x), model.encode(x).mean.detach())
    assert trained.source.endswith("best.pt")


def test_selected_checkpoint_is_loaded(model, tmp_path):
    other = store(tmp_path / "outputs/train/checkpoints/last.pt", latent_dim=5)
    assert load(select="last").latent_dim == other.latent_dim == 5
    assert load(select="best").latent_dim == 3


def test_exported_folder_holds_the_same_model_to_the_last_bit(model, tmp_path):
    write_model(load().model, tmp_path / "exported")
    shutil.rmtree(tmp_path / "outputs")
    exported = load(tmp_path / "exported").model
    assert exported.config == load(tmp_path / "exported").model.config
    assert all(torch.equal(value, exported.state_dict()[name]) for name, value in model.state_dict().items())


@pytest.mark.parametrize(
    ("source", "message"),
    [
        ("nowhere.pt", "nowhere.pt: no such checkpoint"),
        ("nothing", "nothing: no such model: neither a file or a folder, nor an experiment or a commit"),
        ("empty", "empty: no model here: neither an exported one nor a checkpoint empty/checkpoints/best.pt"),
        ("runs:/0123", "runs:/0123: there is no mlflow.db in this folder"),
    ],
)
def test_what_is_no_model_is_told_in_one_line(model, tmp_path, monkeypatch, source, message):
    monkeypatch.delenv("MLFLOW_TRACKING_URI", raising=False)
    (tmp_path / "empty").mkdir()
    with pytest.raises(VaelineError) as error:
        load(source)
    assert str(error.value).startswith(message)
    assert "\n" not in str(error.value)


def test_damaged_exported_folder_is_told_in_one_line(model, tmp_path):
    folder = tmp_path / "exported"
    write_model(load().model, folder)
    whole = (folder / "model.safetensors").read_bytes()
    (folder / "model.safetensors").write_bytes(whole[:-10])
    with pytest.raises(VaelineError, match=r"model.safetensors: damaged \(.*\): export the model again"):
        load(folder)
    (folder / "config.json").write_text("{}")
    with pytest.raises(VaelineError, match=r"config.json: not the configuration of an exported model"):
        load(folder)

"""Both stages on real digits, with models that are perfect, copy, or sample noise."""

from pathlib import Path
from types import SimpleNamespace

import numpy as np
import pytest
import torch

import vaeline.evaluation.fid.classifier
from stages import fid, fid_reference
from tests.support.weights import without_inception
from vaeline.core.errors import VaelineError
from vaeline.core.files import read_json
from vaeline.core.params import StageParams
from vaeline.core.scaling import BYTES
from vaeline.data.prepared import Prepared
from vaeline.data.reading.dataset import DataOptions
from vaeline.data.sets.digits import Digits
from vaeline.data.storing import store
from vaeline.evaluation.fid.images import random_subset
from vaeline.models import checkpoints


class Replay:
    """A model whose samples are given images, in order, and whose z are the pixels of its input."""

    classes = 0
    scaling = BYTES
    likelihood = SimpleNamespace(evaluation_set=lambda images: images)

    def __init__(self, images):
        self.images = torch.from_numpy(images).float() / 255

    def to(self, _):
        return self

    def sample(self, n):
        first, self.images = self.images[:n], self.images[n:]
        return first

    def parameters(self):
        return iter([self.images])

    def infer(self, x):
        return SimpleNamespace(layers=(SimpleNamespace(sample=x.flatten(1)[None]),))

    def joint(self, z):
        return None, SimpleNamespace(mean=z.reshape(-1, 1, 8, 8).clamp(0, 1))


@pytest.fixture
def prepared(tmp_path, monkeypatch):
    without_inception(tmp_path, monkeypatch)
    monkeypatch.chdir(tmp_path)
    monkeypatch.setattr(vaeline.evaluation.fid.classifier, "CLASSIFIER_STEPS", 100)
    return store(Digits(DataOptions(), tmp_path), "data/prepared")


def params(mode="auto"):
    return StageParams({"device": "cpu", "fid_samples": 2048, "fid_inception": mode})


def metrics_of(model, monkeypatch):
    monkeypatch.setattr(checkpoints, "load_selected", lambda _: model)
    fid.main(StageParams({"seed": 0, "device": "cpu", "select": "best"}))
    return read_json("outputs/fid/metrics.json")


def test_a_perfect_model_reaches_the_floor_and_a_copying_one_goes_below(
    prepared: Prepared, monkeypatch, capsys
):
    fid_reference.main(params())
    reference = read_json("outputs/fid_reference/metrics.json")
    assert reference["fid_samples"] == 215  # the size of valid, not 2,048
    assert reference["classifier_accuracy"] > 0.8
    assert reference["inception"] == "skipped"

    perfect = metrics_of(Replay(random_subset(prepared.valid.values, 215)), monkeypatch)
    assert perfect["fid_samples"] == 215
    assert perfect["fid_classifier"] == pytest.approx(perfect["fid_classifier_floor"], rel=1e-6)
    copying = metrics_of(Replay(random_subset(prepared.test.values, 215)), monkeypatch)
    assert abs(copying["fid_classifier"]) < 1e-3 * perfect["fid_classifier"]
    assert copying["fid_classifier_floor"] == perfect["fid_classifier_floor"]
    noise = np.random.default_rng(0).integers(0, 256, (215, 1, 8, 8)).astype(np.uint8)
    noisy = metrics_of(Replay(noise), monkeypatch)
    assert noisy["fid_classifier"] > 5 * perfect["fid_classifier"]
    # The mixture is fitted to training images, whatever is sampled from the prior.
    assert noisy["fid_classifier_ex_post"] < noisy["fid_classifier"] / 3
    assert Path("outputs/fid/plots/samples_ex_post.png").stat().st_size > 1000
    assert "cannot be downloaded" in perfect["fid_skipped"]
    assert "no fid: Inception's weights cannot be downloaded" in capsys.readouterr().out


@pytest.mark.usefixtures("prepared")
def test_missing_weights_that_are_required_stop_the_stage_before_it_writes(tmp_path):
    with pytest.raises(VaelineError, match="cannot be downloaded"):
        fid_reference.main(params("require"))
    assert not (tmp_path / "outputs").exists()


@pytest.mark.usefixtures("prepared")
def test_the_reference_is_reproduced_byte_by_byte(tmp_path):
    first = reference_files(tmp_path)
    assert len(first) == 4
    assert reference_files(tmp_path) == first


def reference_files(root):
    torch.rand(1)
    fid_reference.main(params("skip"))
    return {path.name: path.read_bytes() for path in root.glob("outputs/fid_reference/**/*.*")}

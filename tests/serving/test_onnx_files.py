"""ONNX files, run by ONNX Runtime; `vaeline export-table` writes those of one of every part."""

import sys

import numpy as np
import pytest
import torch

from tests.support.small import labels, shown, vae
from vaeline.core.errors import VaelineError
from vaeline.evaluation.trained import TrainedModel
from vaeline.serving import onnx_files
from vaeline.serving.onnx_files import OPSET, write_onnx


def test_encoder_and_decoder_take_any_batch_and_agree_with_the_trained_model(tmp_path):
    onnx, onnxruntime = pytest.importorskip("onnx"), pytest.importorskip("onnxruntime")
    torch.manual_seed(1)
    model = vae(model={"name": "conditional"}).eval()
    assert max(write_onnx(model, tmp_path).values()) < 1e-5
    trained, x, y = TrainedModel(model), shown(7).numpy(), labels()[:7]
    encoder, decoder = (
        onnxruntime.InferenceSession(tmp_path / f"{name}.onnx", providers=["CPUExecutionProvider"])
        for name in ("encoder", "decoder")
    )
    (z,) = encoder.run(["z"], {"image": x, "label": y, "noise": np.zeros((7, 3), np.float32)})
    np.testing.assert_allclose(z, trained.encode(x, y), atol=1e-5)
    (mean,) = decoder.run(["mean"], {"z": z, "label": y})
    np.testing.assert_allclose(mean, trained.decode(z, y), atol=1e-5)
    assert sorted(path.name for path in tmp_path.iterdir()) == ["decoder.onnx", "encoder.onnx"]
    stored = onnx.load(tmp_path / "encoder.onnx")
    assert [opset.version for opset in stored.opset_import if not opset.domain] == [OPSET]


def test_results_that_differ_are_not_kept(tmp_path, monkeypatch):
    class Session:
        def __init__(self, *_, **__) -> None: ...

        def run(self, _, inputs):
            return [np.zeros((len(inputs["image"]), 3), np.float32)]

    pytest.importorskip("onnxruntime")
    monkeypatch.setattr("onnxruntime.InferenceSession", Session)
    monkeypatch.setattr(torch.onnx, "export", lambda *_, **__: None)
    with pytest.raises(
        VaelineError, match=r"encoder.onnx: ONNX Runtime's results differ from PyTorch's by \d"
    ):
        write_onnx(vae().eval(), tmp_path)
    assert not list(tmp_path.iterdir())


def test_missing_package_is_named_with_the_extra_that_has_it(tmp_path, monkeypatch):
    monkeypatch.setitem(sys.modules, "onnxscript", None)
    with pytest.raises(VaelineError, match=r"'onnxscript' is missing: `pip install 'vaeline\[onnx\]'`"):
        onnx_files.write_onnx(vae().eval(), tmp_path)

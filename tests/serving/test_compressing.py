"""`vaeline compress` and `vaeline decompress` as they are typed."""

import numpy as np
import pytest
import torch
from typer.testing import CliRunner

from tests.support.small import digits
from tests.support.stored import store
from vaeline.cli import app


@pytest.fixture(autouse=True)
def _files(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    np.save("grey.npy", digits(6).numpy())
    np.save("floats.npy", digits(6).numpy() / np.float32(255))
    np.save("between.npy", np.full((2, 64), 0.3))


def run(line: str, status: int = 0) -> str:
    result = CliRunner().invoke(app, line.split(), prog_name="vaeline")
    assert result.exit_code == status, result.output
    return result.output


def test_all_levels_are_restored_from_levels_and_from_floats(tmp_path):
    store(tmp_path / "m.pt", likelihood={"name": "discretized_logistic"})
    said = run("compress grey.npy --model m.pt --out a.vae")
    assert f"6 images in {(tmp_path / 'a.vae').stat().st_size} bytes: " in said
    assert "6 images restored\nWrote a.npy\n" in run("decompress a.vae --model m.pt --out a.npy")
    restored = np.load("a.npy")
    assert restored.dtype == np.uint8
    assert np.array_equal(restored, np.load("grey.npy"))
    run("compress floats.npy --model m.pt --out b.vae")
    assert (tmp_path / "b.vae").read_bytes() == (tmp_path / "a.vae").read_bytes()
    assert "row 0 has 0.3, and only levels g/255" in run("compress between.npy --model m.pt", status=1)


def test_a_bernoulli_model_binarizes_only_if_it_is_asked_to(tmp_path):
    model = store(tmp_path / "m.pt")
    assert "alone: `vaeline compress --binarize`" in run("compress grey.npy --model m.pt", status=1)
    run("compress grey.npy --model m.pt --binarize --out c.vae")
    run("decompress c.vae --model m.pt --out c.npy")
    binary = model.likelihood.evaluation_set(torch.from_numpy(np.load("grey.npy")))
    assert np.array_equal(np.load("c.npy"), binary)

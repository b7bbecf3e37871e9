"""Against pytorch-fid itself, which loads random weights in the published file format."""

import hashlib
import runpy
import sys
import urllib.error

import numpy as np
import pytest
import torch
from PIL import Image
from pytorch_fid.fid_score import get_activations
from pytorch_fid.inception import FID_WEIGHTS_URL, InceptionV3

import vaeline.evaluation.fid.inception
from vaeline.core.errors import VaelineError
from vaeline.evaluation.fid.features import extract_all
from vaeline.evaluation.fid.inception import INCEPTION_FILE, Inception, inception_or_reason
from vaeline.evaluation.fid.scores import feature_distance
from vaeline.evaluation.pretrained import WeightsUnavailableError

CPU = torch.device("cpu")


def as_png(images, folder):
    """Writes uint8 [n, C, H, W] as PNG files; returns their paths in the same order."""
    folder.mkdir()
    paths = [folder / f"{i:04}.png" for i in range(len(images))]
    for image, path in zip(images, paths, strict=True):
        Image.fromarray(image[0] if len(image) == 1 else image.transpose(1, 2, 0)).save(path)
    return paths


@pytest.mark.usefixtures("with_weights")
def test_the_distance_is_that_of_the_pytorch_fid_command(pictures, tmp_path, monkeypatch, capsys):
    halves = [pictures(70, seed=seed) for seed in (0, 1)]
    folders = [tmp_path / name for name in ("real", "generated")]
    for half, folder in zip(halves, folders, strict=True):
        as_png(half, folder)
    options = ["--dims", "64", "--device", "cpu", "--num-workers", "0"]
    monkeypatch.setattr(sys, "argv", ["pytorch_fid", *map(str, folders), *options])
    runpy.run_module("pytorch_fid", run_name="__main__")
    peer = float(capsys.readouterr().out.split("FID:")[1])
    assert peer > 1e-3
    assert feature_distance(*extract_all("inception", Inception(CPU, dims=64), *halves)) == pytest.approx(
        peer, rel=1e-3
    )


@pytest.mark.usefixtures("with_weights")
@pytest.mark.parametrize("channels", [1, 3])
def test_the_2048_features_are_those_of_pytorch_fid(pictures, tmp_path, channels):
    images = pictures(5, channels)
    paths = as_png(images, tmp_path / "images")
    peer = get_activations(paths, InceptionV3([3]), dims=2048, num_workers=0)
    (ours,) = extract_all("inception", Inception(CPU), images)
    assert ours.shape == (5, 2048)
    assert np.ptp(peer, axis=0).max() > 0.01  # otherwise any features would pass
    # Rounding through 94 layers is relative to the largest feature, and the least are a thousandth of it.
    assert ours == pytest.approx(peer, rel=1e-4, abs=1e-5 * peer.max())


def test_the_url_of_the_weights_is_that_of_pytorch_fid():
    assert vaeline.evaluation.fid.inception.FID_WEIGHTS_URL == FID_WEIGHTS_URL
    assert FID_WEIGHTS_URL.endswith(f"/{INCEPTION_FILE}")


def test_missing_weights_are_a_reason_or_an_error_depending_on_the_mode(without_weights):
    inception, reason = inception_or_reason("auto", CPU)
    assert inception is None
    assert "cannot be downloaded (No such file or directory)" in reason
    assert (
        f"{INCEPTION_FILE} into $TORCH_HOME/hub/checkpoints; then: `dvc exp run -S fid_inception=require`"
        in reason
    )
    with pytest.raises(WeightsUnavailableError, match="cannot be downloaded") as required:
        inception_or_reason("require", CPU)
    assert isinstance(required.value, VaelineError)
    assert list(without_weights.iterdir()) == []


@pytest.mark.parametrize(
    ("error", "cause"),
    [
        (urllib.error.URLError(OSError(-2, "Name or service not known")), "Name or service not known"),
        (urllib.error.HTTPError("https://host/", 404, "Not Found", None, None), "Not Found"),
        (TimeoutError("timed out"), "timed out"),
        (PermissionError(13, "Permission denied", "/home/somebody/.cache"), "Permission denied"),
    ],
)
def test_the_reason_has_the_cause_but_no_path_of_this_machine(without_weights, monkeypatch, error, cause):
    def fail(*_, **__):
        raise error

    monkeypatch.setattr(torch.hub, "download_url_to_file", fail)
    _, reason = inception_or_reason("auto", CPU)
    assert f"({cause})" in reason
    assert str(without_weights.parent) not in reason
    assert "somebody" not in reason


def test_weights_are_not_looked_for_if_switched_off(without_weights):
    inception, reason = inception_or_reason("skip", CPU)
    assert inception is None
    command = "dvc exp run -S fid_inception=require"
    assert reason == f"switched off (fid_inception: skip); to compute it: `{command}`"
    assert not without_weights.exists()


@pytest.fixture
def downloadable(without_weights, random_weights, monkeypatch):
    """The folder where weights belong, on a machine that can download random ones."""
    source = random_weights / "hub" / "checkpoints" / INCEPTION_FILE
    monkeypatch.setattr(vaeline.evaluation.fid.inception, "FID_WEIGHTS_URL", source.as_uri())
    return without_weights


def test_weights_are_verified_and_downloaded_only_once(downloadable, random_weights, monkeypatch):
    content = (random_weights / "hub" / "checkpoints" / INCEPTION_FILE).read_bytes()
    digest = hashlib.sha256(content).hexdigest()[:8]
    monkeypatch.setattr(vaeline.evaluation.fid.inception, "PUBLISHED_HASH", digest)
    inception, reason = inception_or_reason("require", CPU)
    assert (inception.weights, reason) == (digest, "")
    stored = downloadable / INCEPTION_FILE
    before = stored.stat()
    assert inception_or_reason("require", CPU)[0].weights == digest
    assert stored.stat() == before


def test_a_download_with_a_wrong_digest_is_not_kept(downloadable):
    with pytest.raises(WeightsUnavailableError, match=r'invalid hash value \(expected "6726825d"'):
        inception_or_reason("require", CPU)
    assert list(downloadable.iterdir()) == []


@pytest.mark.parametrize("damage", [lambda b: b[: len(b) // 2], lambda _: b"", lambda _: b"<html>no</html>"])
def test_a_damaged_file_is_named_and_left_in_place(without_weights, random_weights, damage):
    stored = without_weights / INCEPTION_FILE
    stored.parent.mkdir(parents=True)
    damaged = damage((random_weights / "hub" / "checkpoints" / INCEPTION_FILE).read_bytes())
    stored.write_bytes(damaged)
    with pytest.raises(WeightsUnavailableError, match=f"{INCEPTION_FILE} in .* is damaged .*`rm "):
        inception_or_reason("require", CPU)
    assert "is damaged" in inception_or_reason("auto", CPU)[1]
    assert stored.read_bytes() == damaged


def test_images_that_are_neither_grey_nor_rgb_are_left_out_with_the_reason():
    inception, reason = inception_or_reason("auto", CPU, channels=5)
    assert inception is None
    assert "have 5 channels" in reason
    with pytest.raises(VaelineError, match=r"these have 5 channels: `dvc exp run -S fid_inception=auto`"):
        inception_or_reason("require", CPU, channels=5)

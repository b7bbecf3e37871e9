"""Sharpness of reconstructions, for blurs with known transfer functions."""

from types import SimpleNamespace

import numpy as np
import pytest
import torch
from torch import nn

from tests.support.small import digits, split, vae
from vaeline.core.scaling import BYTES
from vaeline.evaluation.estimators.sharpness import fine_energy, sharpness
from vaeline.evaluation.observing import evaluation_set
from vaeline.models.catalog import MODELS

SIDE = 8


class Rebuilding(nn.Module):
    """A model whose reconstruction of x is change(x)."""

    scaling = BYTES

    def __init__(self, change=lambda x: x):
        super().__init__()
        self.change, self.unused = change, nn.Parameter(torch.zeros(()))

    def infer(self, x):
        return SimpleNamespace(likelihood=SimpleNamespace(mean=self.change(x).unsqueeze(0)))


def blurred(x):
    """Circular convolution with (1/4, 1/2, 1/4) along both axes; its transfer function is cos² πf."""
    for side in (-1, -2):
        x = (x.roll(1, side) + 2 * x + x.roll(-1, side)) / 4
    return x


def wave(down: int, across: int, height: float = 0.4) -> torch.Tensor:
    """Returns a cosine with so many cycles along each axis, [1, 1, 8, 8]."""
    place = torch.arange(SIDE) / SIDE
    return height * torch.cos(2 * torch.pi * (down * place[:, None] + across * place))[None, None]


def measured(model, images: torch.Tensor, originals: torch.Tensor | None = None) -> dict[str, float]:
    return sharpness(model, images, (images if originals is None else originals).numpy())


def bytes_of(images: torch.Tensor) -> torch.Tensor:
    return (images * 255).round().to(torch.uint8)


def test_a_perfect_reconstruction_keeps_all_fine_energy():
    assert measured(Rebuilding(), digits(50)) == {
        "sharpness": pytest.approx(1.0, rel=1e-6),
        "sharpness_se": pytest.approx(0.0, abs=1e-6),
    }


@pytest.mark.parametrize(("down", "across"), [(2, 0), (0, 3), (3, 1), (2, 2), (1, 3)])
def test_a_blur_keeps_the_square_of_its_transfer_function(down, across):
    waves = torch.cat([0.5 + wave(down, across), 0.5 + wave(down, across, 0.3)])
    transfer = np.cos(np.pi * down / SIDE) ** 2 * np.cos(np.pi * across / SIDE) ** 2
    # Rounding to 255 grey levels changes a wave of height 150 by less than a percent.
    assert measured(Rebuilding(blurred), bytes_of(waves))["sharpness"] == pytest.approx(transfer**2, rel=0.02)


def test_a_blur_of_digits_agrees_with_their_spectrum():
    images = digits(200)
    spectrum = np.abs(np.fft.fft2(images.double().numpy())) ** 2
    f = np.fft.fftfreq(SIDE)
    fine = np.sqrt(f[:, None] ** 2 + f**2) >= 0.25
    transfer = (np.cos(np.pi * f[:, None]) * np.cos(np.pi * f)) ** 4
    expected = (spectrum * transfer * fine).sum() / (spectrum * fine).sum()
    assert measured(Rebuilding(blurred), images)["sharpness"] == pytest.approx(expected, rel=1e-5)
    assert expected < 0.2


@pytest.mark.parametrize(("cycles", "counted"), [(0, 0), (1, 0), (2, 1), (3, 1), (4, 1)])
def test_only_fine_waves_have_fine_energy(cycles, counted):
    """The energy of a wave is half of its squared height for each pixel, or all of it at 4 cycles."""
    energy = fine_energy(0.5 + wave(cycles, 0)).item()
    assert energy == pytest.approx(counted * 0.4**2 * SIDE**2 * (1 if cycles == 4 else 0.5), abs=1e-5)


def test_the_energy_of_fine_waves_is_that_of_their_pixels():
    """Parseval's theorem."""
    x = torch.cat([wave(2, 1), wave(3, 3), wave(4, 0) + wave(0, 3)])
    assert fine_energy(x).tolist() == pytest.approx(x.square().flatten(1).sum(1).tolist())


def test_energy_is_summed_over_channels():
    x = torch.rand(4, 3, 9, 7)
    assert fine_energy(x).tolist() == pytest.approx(
        sum(fine_energy(x[:, c : c + 1]) for c in range(3)).tolist()
    )


def test_sharpness_is_relative_to_the_stored_images_not_the_binarized_ones():
    grey = digits(100)
    binary = (torch.rand(grey.shape) * 255 < grey).to(torch.uint8) * 255
    ratio = fine_energy(binary / 255).mean() / fine_energy(grey / 255).mean()
    assert measured(Rebuilding(), binary, grey)["sharpness"] == pytest.approx(ratio.item(), rel=1e-5)
    assert ratio > 1.2


def test_means_outside_the_range_are_clipped():
    images = bytes_of(0.5 + torch.cat([wave(3, 0, 0.5), wave(2, 1, 0.5)]))
    assert measured(Rebuilding(lambda x: 3 * (x - 0.5) + 0.5), images)["sharpness"] == pytest.approx(
        (
            fine_energy((3 * (images / 255 - 0.5) + 0.5).clamp(0, 1)).sum() / fine_energy(images / 255).sum()
        ).item()
    )


def test_the_standard_error_agrees_with_a_bootstrap_over_images():
    torch.manual_seed(3)
    images = digits(300)
    softer = torch.rand(300, 1, 1, 1)
    rebuilt = lambda x: softer * blurred(x) + (1 - softer) * x  # noqa: E731
    measures = measured(Rebuilding(rebuilt), images)
    kept, real = fine_energy(rebuilt(images / 255)).numpy(), fine_energy(images / 255).numpy()
    rows = np.random.default_rng(0).integers(0, 300, (2000, 300))
    assert measures["sharpness_se"] == pytest.approx(np.std(kept[rows].mean(1) / real[rows].mean(1)), rel=0.1)


@pytest.mark.parametrize("name", list(MODELS))
def test_every_model_has_a_sharpness(name):
    model = vae(model={"name": name}).eval()
    rows = split(60)
    measures = sharpness(model, evaluation_set(model, rows), rows.values)
    assert 0 <= measures["sharpness"] < 1
    assert measures["sharpness_se"] > 0

"""Fine energy that reconstructions keep, for blurs whose transfer function is known."""

from types import SimpleNamespace

import numpy as np
import pytest
import torch
from torch import nn

from tests.support.small import digits, split, vae
from vaeline.evaluation.estimators.sharpness import fine_energy, sharpness
from vaeline.evaluation.observing import evaluation_set
from vaeline.models.catalog import MODELS

SIDE = 8


class Rebuilding(nn.Module):
    """A model whose reconstruction is what `change` makes of the image."""

    def __init__(self, change=lambda x: x):
        super().__init__()
        self.change, self.anywhere = change, nn.Parameter(torch.zeros(()))

    def infer(self, x):
        return SimpleNamespace(likelihood=SimpleNamespace(mean=self.change(x).unsqueeze(0)))


def blurred(x):
    """The kernel (1/4, 1/2, 1/4) along both sides, round the edge: its transfer function is cos² πf."""
    for side in (-1, -2):
        x = (x.roll(1, side) + 2 * x + x.roll(-1, side)) / 4
    return x


def wave(down: int, across: int, height: float = 0.4) -> torch.Tensor:
    """Returns cos of so many cycles along each side, [1, 1, 8, 8]."""
    place = torch.arange(SIDE) / SIDE
    return height * torch.cos(2 * torch.pi * (down * place[:, None] + across * place))[None, None]


def measured(model, images: torch.Tensor, originals: torch.Tensor | None = None) -> dict[str, float]:
    return sharpness(model, images, (images if originals is None else originals).numpy())


def bytes_of(images: torch.Tensor) -> torch.Tensor:
    return (images * 255).round().to(torch.uint8)


def test_a_model_that_gives_the_image_back_keeps_all_of_it():
    assert measured(Rebuilding(), digits(50)) == {
        "sharpness": pytest.approx(1.0, rel=1e-6),
        "sharpness_se": pytest.approx(0.0, abs=1e-6),
    }


@pytest.mark.parametrize(("down", "across"), [(2, 0), (0, 3), (3, 1), (2, 2), (1, 3)])
def test_a_blur_keeps_the_square_of_its_transfer_function(down, across):
    waves = torch.cat([0.5 + wave(down, across), 0.5 + wave(down, across, 0.3)])
    transfer = np.cos(np.pi * down / SIDE) ** 2 * np.cos(np.pi * across / SIDE) ** 2
    # 255 steps of grey: of a wave 150 high, rounding moves a part in some hundreds.
    assert measured(Rebuilding(blurred), bytes_of(waves))["sharpness"] == pytest.approx(transfer**2, rel=0.02)


def test_a_blur_of_digits_keeps_what_their_spectrum_says():
    images = digits(200)
    spectrum = np.abs(np.fft.fft2(images.double().numpy())) ** 2
    f = np.fft.fftfreq(SIDE)
    fine = np.sqrt(f[:, None] ** 2 + f**2) >= 0.25
    transfer = (np.cos(np.pi * f[:, None]) * np.cos(np.pi * f)) ** 4
    expected = (spectrum * transfer * fine).sum() / (spectrum * fine).sum()
    assert measured(Rebuilding(blurred), images)["sharpness"] == pytest.approx(expected, rel=1e-5)
    assert expected < 0.2


@pytest.mark.parametrize(("cycles", "counted"), [(0, 0), (1, 0), (2, 1), (3, 1), (4, 1)])
def test_shapes_are_not_counted_and_strokes_are(cycles, counted):
    """A wave's energy is half its squared height a pixel; all of it where the wave ends on each pixel."""
    energy = fine_energy(0.5 + wave(cycles, 0)).item()
    assert energy == pytest.approx(counted * 0.4**2 * SIDE**2 * (1 if cycles == 4 else 0.5), abs=1e-5)


def test_energy_is_that_of_the_pixels_where_all_of_it_is_fine():
    """Parseval's equation."""
    x = torch.cat([wave(2, 1), wave(3, 3), wave(4, 0) + wave(0, 3)])
    assert fine_energy(x).tolist() == pytest.approx(x.square().flatten(1).sum(1).tolist())


def test_channels_are_added_up():
    x = torch.rand(4, 3, 9, 7)
    assert fine_energy(x).tolist() == pytest.approx(
        sum(fine_energy(x[:, c : c + 1]) for c in range(3)).tolist()
    )


def test_the_noise_of_binarization_is_no_fine_detail_of_the_original():
    grey = digits(100)
    binary = (torch.rand(grey.shape) * 255 < grey).to(torch.uint8) * 255
    ratio = fine_energy(binary / 255).mean() / fine_energy(grey / 255).mean()
    assert measured(Rebuilding(), binary, grey)["sharpness"] == pytest.approx(ratio.item(), rel=1e-5)
    assert ratio > 1.2


def test_means_beyond_black_and_white_are_shown_as_those():
    images = bytes_of(0.5 + torch.cat([wave(3, 0, 0.5), wave(2, 1, 0.5)]))
    assert measured(Rebuilding(lambda x: 3 * (x - 0.5) + 0.5), images)["sharpness"] == pytest.approx(
        (
            fine_energy((3 * (images / 255 - 0.5) + 0.5).clamp(0, 1)).sum() / fine_energy(images / 255).sum()
        ).item()
    )


def test_its_error_is_that_of_a_bootstrap_over_images():
    torch.manual_seed(3)
    images = digits(300)
    softer = torch.rand(300, 1, 1, 1)
    rebuilt = lambda x: softer * blurred(x) + (1 - softer) * x  # noqa: E731
    found = measured(Rebuilding(rebuilt), images)
    kept, real = fine_energy(rebuilt(images / 255)).numpy(), fine_energy(images / 255).numpy()
    rows = np.random.default_rng(0).integers(0, 300, (2000, 300))
    assert found["sharpness_se"] == pytest.approx(np.std(kept[rows].mean(1) / real[rows].mean(1)), rel=0.1)


@pytest.mark.parametrize("name", list(MODELS))
def test_every_model_has_a_sharpness(name):
    model = vae(model={"name": name}).eval()
    rows = split(60)
    found = sharpness(model, evaluation_set(model, rows), rows.images)
    assert 0 <= found["sharpness"] < 1
    assert found["sharpness_se"] > 0

"""Augmentation against closed forms: where a single pixel is moved to, and how often."""

import math

import numpy as np
import pytest
import torch
from scipy.stats import chi2
from torch.nn import functional

from tests.support.small import config, digits
from tests.support.trainings import VALID, N, Watching, started, trained
from vaeline.core.errors import VaelineError
from vaeline.data.augmentation import Augmentation, cropped, flipped, pad_edges
from vaeline.data.draws import Draws
from vaeline.evaluation.estimators.bounds import elbo_terms
from vaeline.runtime.seeding import own_noise
from vaeline.training.epoch import VALIDATION_SEED
from vaeline.training.fit import fit

COUNT = 20_000


def generator(seed: int = 0) -> torch.Generator:
    return torch.Generator().manual_seed(seed)


def augmented(images: torch.Tensor, seed: int = 0, **options: float) -> torch.Tensor:
    named = {f"augment_{name}": value for name, value in options.items()}
    return Augmentation(config(**named))(images, Draws.of_seed(seed, len(images)))


def noise(count: int, height: int = 5, width: int = 7) -> torch.Tensor:
    """Returns colour images with levels 1 … 255, so that 0 marks what came in."""
    return torch.randint(1, 256, (count, 3, height, width), dtype=torch.uint8, generator=generator())


@pytest.mark.parametrize("by", [1, 3])
def test_padded_edges_are_those_of_numpy(by):
    images = noise(3)
    around = [(0, 0), (0, 0), (by, by), (by, by)]
    np.testing.assert_array_equal(pad_edges(images, by), np.pad(images, around, mode="edge"))


def test_windows_are_cropped_at_their_corners():
    images, corners = noise(4), torch.tensor([[0, 1, 2, 2], [3, 0, 1, 3]])
    windows = cropped(images, corners, (3, 4))
    for i, (row, column) in enumerate(corners.T):
        assert torch.equal(windows[i], images[i, :, row : row + 3, column : column + 4])


@pytest.mark.parametrize("way", ["shift", "crop"])
def test_a_shifted_image_is_the_original_shifted_with_black_or_its_edge_coming_in(way):
    images = noise(200)
    shifted = augmented(images, **{way: 2})
    assert shifted.dtype == torch.uint8
    mode = {"shift": "constant", "crop": "edge"}[way]
    padded = torch.from_numpy(np.pad(images, [(0, 0), (0, 0), (2, 2), (2, 2)], mode=mode))
    shifts = torch.stack([padded[:, :, r : r + 5, c : c + 7] for r in range(5) for c in range(5)])
    same = (shifts == shifted).flatten(2).all(2)
    assert same.any(0).all()
    assert same.any(1).all()


def test_only_chosen_images_are_mirrored_and_mirroring_twice_restores_them():
    images, chosen = noise(4), torch.tensor([True, False, False, True])
    once = flipped(images, chosen)
    assert torch.equal(once[~chosen], images[~chosen])
    np.testing.assert_array_equal(once[chosen], np.asarray(images[chosen])[..., ::-1])
    assert torch.equal(flipped(once, chosen), images)


@pytest.mark.parametrize("way", ["shift", "crop"])
def test_all_shifts_are_equally_likely(way):
    images = torch.zeros(COUNT, 1, 11, 11, dtype=torch.uint8)
    images[:, 0, 5, 5] = 255
    shifted = augmented(images, **{way: 2})
    rows, columns = shifted[:, 0].nonzero()[:, 1:].T - 3
    counts = torch.bincount(5 * rows + columns, minlength=25)
    assert len(counts) == 25
    expected = COUNT / 25
    assert ((counts - expected) ** 2 / expected).sum() < chi2.isf(1e-3, df=24)


@pytest.mark.parametrize("share", [0.1, 0.5, 1.0])
def test_images_are_mirrored_with_the_given_probability(share):
    images = torch.zeros(COUNT, 1, 1, 2)
    images[..., 0] = 1
    mirrored = augmented(images, flip=share)[:, 0, 0, 1].mean().item()
    assert abs(mirrored - share) <= 4 * math.sqrt(share * (1 - share) / COUNT)


def test_all_randomness_comes_from_the_generator():
    images = noise(50)
    options = {"flip": 0.5, "shift": 2, "crop": 1}
    torch.manual_seed(1)
    first = augmented(images, **options)
    torch.manual_seed(2)
    assert torch.equal(augmented(images, **options), first)
    assert not torch.equal(augmented(images, seed=1, **options), first)


def test_without_augmentation_nothing_is_drawn_or_copied():
    images, source = noise(3), generator()
    assert Augmentation(config())(images, Draws([source], [3])) is images
    assert torch.equal(source.get_state(), generator().get_state())


@pytest.mark.parametrize("way", ["shift", "crop"])
def test_a_shift_out_of_the_frame_is_rejected_with_the_largest_allowed(way):
    augmented(noise(2), **{way: 4})
    message = (
        rf"^augment_{way} = 5 can shift .* 5 pixels out of their frame.*`dvc exp run -S augment_{way}=4`$"
    )
    with pytest.raises(VaelineError, match=message):
        augmented(noise(2), **{way: 5})


def trained_on(**options: float) -> torch.Tensor:
    """Returns what a model is trained on in an epoch of real digits, in order."""
    batches: list[torch.Tensor] = []
    grey = {"likelihood": {"bernoulli": {"binarization": "grey"}}, "shuffle": False, "epochs": 1}
    trained(Watching(lambda _step, x, _beta, _terms: batches.append(x)), **grey, **options)
    return torch.cat(batches)


def test_training_uses_images_that_are_each_changed_in_their_own_way():
    images = digits(N) / 255
    assert torch.equal(trained_on(), images)
    shifted = trained_on(augment_shift=1)
    padded = functional.pad(images, (1, 1, 1, 1))
    shifts = torch.stack([padded[:, :, r : r + 8, c : c + 8] for r in range(3) for c in range(3)])
    same = (shifts == shifted).flatten(2).all(2)
    assert same.any(0).all()
    assert same.any(1).all()


def test_validation_uses_the_original_images():
    params = config(augment_flip=1.0, augment_shift=2, augment_crop=2)
    training = started(params)
    *_, last = fit(training, digits(N), VALID, params)
    with own_noise(VALIDATION_SEED):
        terms = elbo_terms(training.model, VALID)
    assert last.valid_elbo == pytest.approx(terms.elbo.mean().item())

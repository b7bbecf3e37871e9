"""Augmentation against closed forms: where a single pixel goes, and how often it goes there."""

import math

import numpy as np
import pytest
import torch
from scipy.stats import chi2
from torch.nn import functional

from tests.support.small import config, digits
from tests.support.trainings import VALID, N, Watching, started, trained
from vaeline.core.errors import VaelineError
from vaeline.data.augmentation import Augmentation, cropped, flipped, with_edges
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
    """Returns colour images of levels 1 … 255: 0 is then what came in."""
    return torch.randint(1, 256, (count, 3, height, width), dtype=torch.uint8, generator=generator())


@pytest.mark.parametrize("by", [1, 3])
def test_repeated_edges_are_those_of_numpy(by):
    images = noise(3)
    around = [(0, 0), (0, 0), (by, by), (by, by)]
    np.testing.assert_array_equal(with_edges(images, by), np.pad(images, around, mode="edge"))


def test_a_window_is_cut_from_where_it_is_asked_for():
    images, places = noise(4), torch.tensor([[0, 1, 2, 2], [3, 0, 1, 3]])
    found = cropped(images, places, (3, 4))
    for i, (row, column) in enumerate(places.T):
        assert torch.equal(found[i], images[i, :, row : row + 3, column : column + 4])


@pytest.mark.parametrize("way", ["shift", "crop"])
def test_a_moved_image_is_itself_moved_by_some_steps_with_black_or_its_edge_behind_it(way):
    images = noise(200)
    found = augmented(images, **{way: 2})
    assert found.dtype == torch.uint8
    mode = {"shift": "constant", "crop": "edge"}[way]
    padded = torch.from_numpy(np.pad(images, [(0, 0), (0, 0), (2, 2), (2, 2)], mode=mode))
    ways = torch.stack([padded[:, :, r : r + 5, c : c + 7] for r in range(5) for c in range(5)])
    same = (ways == found).flatten(2).all(2)
    assert same.any(0).all()
    assert same.any(1).all()


def test_a_mirrored_image_is_mirrored_back_and_the_others_are_left_alone():
    images, chosen = noise(4), torch.tensor([True, False, False, True])
    once = flipped(images, chosen)
    assert torch.equal(once[~chosen], images[~chosen])
    np.testing.assert_array_equal(once[chosen], np.asarray(images[chosen])[..., ::-1])
    assert torch.equal(flipped(once, chosen), images)


@pytest.mark.parametrize("way", ["shift", "crop"])
def test_each_way_to_move_comes_equally_often(way):
    images = torch.zeros(COUNT, 1, 11, 11, dtype=torch.uint8)
    images[:, 0, 5, 5] = 255
    found = augmented(images, **{way: 2})
    rows, columns = found[:, 0].nonzero()[:, 1:].T - 3
    counts = torch.bincount(5 * rows + columns, minlength=25)
    assert len(counts) == 25
    expected = COUNT / 25
    assert ((counts - expected) ** 2 / expected).sum() < chi2.isf(1e-3, df=24)


@pytest.mark.parametrize("share", [0.1, 0.5, 1.0])
def test_images_are_mirrored_as_often_as_is_asked(share):
    images = torch.zeros(COUNT, 1, 1, 2)
    images[..., 0] = 1
    mirrored = augmented(images, flip=share)[:, 0, 0, 1].mean().item()
    assert abs(mirrored - share) <= 4 * math.sqrt(share * (1 - share) / COUNT)


def test_each_is_drawn_by_the_generator_alone():
    images = noise(50)
    options = {"flip": 0.5, "shift": 2, "crop": 1}
    torch.manual_seed(1)
    first = augmented(images, **options)
    torch.manual_seed(2)
    assert torch.equal(augmented(images, **options), first)
    assert not torch.equal(augmented(images, seed=1, **options), first)


def test_without_it_nothing_is_drawn_and_nothing_copied():
    images, drawn = noise(3), generator()
    assert Augmentation(config())(images, Draws([drawn], [3])) is images
    assert torch.equal(drawn.get_state(), generator().get_state())


@pytest.mark.parametrize("way", ["shift", "crop"])
def test_an_image_is_not_moved_out_of_its_frame(way):
    augmented(noise(2), **{way: 4})
    with pytest.raises(
        VaelineError, match=rf"^augment_{way} = 5 moves images of 5 pixels out of their frame$"
    ):
        augmented(noise(2), **{way: 5})


def shown(**options: float) -> torch.Tensor:
    """Returns what a model is shown in an epoch of real digits, in their order."""
    seen: list[torch.Tensor] = []
    grey = {"likelihood": {"bernoulli": {"binarization": "grey"}}, "shuffle": False, "epochs": 1}
    trained(Watching(lambda _step, x, _beta, _terms: seen.append(x)), **grey, **options)
    return torch.cat(seen)


def test_a_training_is_shown_its_images_each_changed_in_a_way_of_its_own():
    images = digits(N) / 255
    assert torch.equal(shown(), images)
    found = shown(augment_shift=1)
    padded = functional.pad(images, (1, 1, 1, 1))
    ways = torch.stack([padded[:, :, r : r + 8, c : c + 8] for r in range(3) for c in range(3)])
    same = (ways == found).flatten(2).all(2)
    assert same.any(0).all()
    assert same.any(1).all()


def test_the_validation_sees_the_images_as_they_are():
    params = config(augment_flip=1.0, augment_shift=2, augment_crop=2)
    training = started(params)
    *_, last = fit(training, digits(N), VALID, params)
    with own_noise(VALIDATION_SEED):
        terms = elbo_terms(training.model, VALID)
    assert last.valid_elbo == pytest.approx(terms.elbo.mean().item())

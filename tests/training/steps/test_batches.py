"""Minibatches as the model observes them, by one process and by several."""

from collections.abc import Iterator

import pytest
import torch

from tests.support.small import config, digits, split, vae
from vaeline.data.observations import Labelled, pixels
from vaeline.evaluation.observing import training_set
from vaeline.training.sharing import PARTS
from vaeline.training.steps.batches import Batches, Minibatch

N = 130
EVERYTHING = {"augment_flip": 0.5, "augment_shift": 1, "augment_crop": 1, "batch_size": 50}


def epoch(params=None, number: int = 0) -> list[Minibatch]:
    params = params or config(**EVERYTHING)
    model = vae(**params.to_dict())
    return [batch for (batch,) in updates(Batches(model, digits(N), params), number)]


def updates(batches: Batches, number: int) -> Iterator[list[Minibatch]]:
    return ([batches.minibatch(rows) for rows in of_update] for of_update in batches.updates(number))


def as_process(monkeypatch, rank: int, size: int) -> None:
    for name, value in {"WORLD_SIZE": str(size), "RANK": str(rank)}.items():
        monkeypatch.setenv(name, value)


@pytest.mark.parametrize("likelihood", ["bernoulli", "gaussian"])
@pytest.mark.parametrize("size", [2, 3, PARTS])
def test_several_processes_observe_what_one_does_each_its_own_rows(monkeypatch, size, likelihood):
    params = config(likelihood={"name": likelihood}, **EVERYTHING)
    alone = epoch(params)
    for rank in range(size):
        as_process(monkeypatch, rank, size)
        for mine, whole in zip(epoch(params), alone, strict=True):
            assert torch.equal(mine.x, whole.x[mine.share.rows])
            noise = mine.noise((2, len(mine.x), 3), mine.x)
            assert len(mine.x) < len(whole.x)
            assert noise.shape == (2, len(mine.x), 3)


def test_noise_of_draws_is_the_same_in_each_run():
    first, again = epoch(), epoch()
    for one, other in zip(first, again, strict=True):
        shape = torch.Size((1, len(one.x), 4))
        assert torch.equal(one.noise(shape, one.x), other.noise(shape, other.x))


def test_epoch_is_determined_by_its_number():
    first, second = epoch(), epoch(number=1)
    assert not torch.equal(first[0].x, second[0].x)
    assert torch.equal(second[0].x, epoch(number=1)[0].x)


def test_updates_of_several_minibatches_have_the_minibatches_of_single_ones():
    params = config(**EVERYTHING | {"batch_size": 30, "accumulate": 2})
    model = vae(**params.to_dict())
    several = list(updates(Batches(model, digits(N), params), 1))
    assert [[len(batch.x) for batch in update] for update in several] == [[30, 30], [30, 30], [10]]
    single = epoch(config(**EVERYTHING | {"batch_size": 30}), number=1)
    for batch, alone in zip([batch for update in several for batch in update], single, strict=True):
        assert torch.equal(batch.x, alone.x)


def test_without_shuffling_images_come_in_their_order():
    grey = {"likelihood": {"bernoulli": {"binarization": "grey"}}, "shuffle": False, "batch_size": 50}
    seen = torch.cat([pixels(batch.x) for batch in epoch(config(**grey))])
    assert torch.equal(seen, digits(N) / 255)


def test_labels_go_with_their_images():
    params = config(
        model={"name": "conditional"}, likelihood={"bernoulli": {"binarization": "grey"}}, batch_size=50
    )
    model, images = vae(**params.to_dict()), split(N)
    expected = {
        tuple(image.flatten().tolist()): label
        for image, label in zip(images.values, images.labels, strict=True)
    }
    for (batch,) in updates(Batches(model, training_set(model, images), params), 0):
        assert isinstance(batch.x, Labelled)
        for image, label in zip(batch.x.images, batch.x.labels, strict=True):
            key = tuple((image * 255).round().to(torch.uint8).flatten().tolist())
            assert expected[key] == label

"""Behaviour of the conditional model only."""

import pytest
import torch

from tests.support.small import CLASSES, SHAPE, config, digits, labels, objective, shown, shown_to, split, vae
from vaeline.core.errors import VaelineError
from vaeline.data.augmentation import Augmentation
from vaeline.data.draws import Draws
from vaeline.data.observations import Labelled, pixels
from vaeline.evaluation.estimators.bounds import compute_elbo, elbo_terms
from vaeline.evaluation.observing import evaluation_set, observe, start_from, training_set
from vaeline.models.catalog import MODELS
from vaeline.reporting.gallery import class_samples
from vaeline.training.checks import pre_training_checks

N = 300


def conditional(**changes):
    return vae(model={"name": "conditional"}, **changes)


def trained(steps: int = 150):
    """Returns a model trained for a few seconds on a few hundred digits and their labels."""
    model = conditional(hidden_dim=64)
    start_from(model, split(N))
    x, loss = shown_to(model, N), objective()
    optimizer = torch.optim.Adam(model.parameters(), 3e-3)
    for _ in range(steps):
        optimizer.zero_grad()
        loss(model, x, 1.0).loss.backward()
        optimizer.step()
    return model.eval()


@pytest.fixture(scope="module")
def model():
    torch.manual_seed(0)
    return trained()


def test_labels_stay_with_their_images():
    model = conditional()
    images, y = digits(50), torch.from_numpy(labels()[:50])
    labelled_set = training_set(model, split(50))
    assert torch.equal(pixels(labelled_set), images)
    assert torch.equal(labelled_set.labels, y)
    index = torch.tensor([7, 3, 40])
    for chosen in (
        labelled_set.index_select(0, index),
        labelled_set[index],
        labelled_set.to(torch.device("cpu"))[index],
    ):
        assert torch.equal(chosen.images, images[index])
        assert torch.equal(chosen.labels, y[index])
    pieces = labelled_set.split(20)
    assert [len(piece) for piece in pieces] == [20, 20, 10]
    assert torch.equal(torch.cat([piece.labels for piece in pieces]), y)
    x = observe(model, labelled_set, Draws.of_seed(0, len(labelled_set)))
    assert torch.equal(x.labels, y)
    assert set(x.images.unique().tolist()) == {0.0, 1.0}


def test_the_label_reaches_encoder_and_decoder(model):
    x = shown_to(model, 20)
    relabelled = Labelled(x.images, (x.labels + 1) % CLASSES)
    assert not torch.equal(model.encode(x).mean, model.encode(relabelled).mean)
    z = torch.zeros(20, 3)
    first, second = (model.conditioned(images).decode(z).mean for images in (x, relabelled))
    assert not torch.equal(first, second)
    assert torch.equal(first[x.labels == 0], first[x.labels == 0][:1].expand_as(first[x.labels == 0]))


def test_the_bound_is_higher_with_the_right_label(model):
    """The bound is on log p(x|y): with another label an image is less likely."""
    images = evaluation_set(model, split(N))
    wrong = Labelled(images.images, (images.labels + 1) % CLASSES)
    gain = elbo_terms(model, images).elbo - elbo_terms(model, wrong).elbo
    assert gain.mean() > 5 * gain.std() / N**0.5


def test_without_labels_the_bound_is_on_the_image_alone(model):
    """A label drawn from p(y) makes a valid bound on log p(x) = log Σ p(y) p(x|y), and a loose one."""
    images = evaluation_set(model, split(N))
    unlabelled, labelled = compute_elbo(model, images.images, 10), compute_elbo(model, images, 10)
    assert unlabelled.mean < labelled.mean - 5 * (unlabelled.se + labelled.se)


def test_samples_of_a_class_are_nearest_to_that_class(model):
    centres = torch.stack([shown(N)[labels()[:N] == y].mean(0) for y in range(CLASSES)])
    y = torch.arange(CLASSES).repeat_interleave(30)
    distances = torch.cdist(model.sample(len(y), y).flatten(1), centres.flatten(1))
    right = (distances.argmin(1) == y).float().mean()
    assert right > 0.5  # chance is 0.1


def test_labels_are_drawn_with_their_training_frequencies():
    model = conditional()
    few = split(N)
    few.labels[:] = 0
    few.labels[: N // 4] = 3
    start_from(model, few)
    torch.testing.assert_close(model.shares, torch.eye(CLASSES)[[3, 0]].T @ torch.tensor([0.25, 0.75]))
    drawn = model.draw_labels(torch.Size((4000,)))
    assert set(drawn.tolist()) == {0, 3}
    assert abs((drawn == 3).float().mean() - 0.25) < 5 * (0.25 * 0.75 / 4000) ** 0.5


def test_one_label_applies_to_all_samples_and_a_wrong_one_is_rejected():
    model = conditional().eval()
    torch.manual_seed(1)
    alike = model.sample(4, 7)
    torch.manual_seed(1)
    assert torch.equal(alike, model.sample(4, torch.full((4,), 7)))
    with pytest.raises(VaelineError, match="labels are 0 to 9, not 10"):
        model.sample(2, 10)


def test_a_data_set_without_classes_is_rejected():
    params = config(model={"name": "conditional"})
    with pytest.raises(VaelineError, match="needs a data set with labels"):
        MODELS.build(params.model, config=params, event_shape=SHAPE, classes=1)


def test_it_passes_the_checks_before_training():
    model = conditional()
    checks = pre_training_checks(model, objective(), shown_to(model, 50), 1.0, 1e-3)
    assert all(check.passed for check in checks), checks


def test_its_picture_has_a_row_for_each_class():
    classes = [str(y) for y in range(CLASSES)]
    (figure,) = class_samples(conditional().eval(), classes).values()
    assert [label.get_text() for label in figure.axes[0].get_yticklabels()] == classes
    assert class_samples(vae(), classes) == {}


def test_augmentation_changes_images_and_not_labels():
    labelled_set = training_set(conditional(), split(40))
    augment = Augmentation(config(augment_shift=2))
    changed = augment(labelled_set, Draws.of_seed(0, len(labelled_set)))
    assert torch.equal(changed.labels, labelled_set.labels)
    assert not torch.equal(changed.images, labelled_set.images)

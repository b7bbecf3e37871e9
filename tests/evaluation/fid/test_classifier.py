import numpy as np
import pytest
import torch

import vaeline.evaluation.fid.classifier
from vaeline.data.reading.dataset import DataOptions
from vaeline.data.sets.digits import Digits
from vaeline.evaluation.fid.classifier import Classifier, RotatedImages, classifier_accuracy, train_classifier
from vaeline.evaluation.fid.features import extract_all
from vaeline.evaluation.fid.scores import feature_distance

CPU = torch.device("cpu")


@pytest.fixture(scope="module")
def digits(tmp_path_factory):
    return Digits(DataOptions(), tmp_path_factory.mktemp("raw"))


@pytest.fixture(scope="module")
def trained(digits):
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(vaeline.evaluation.fid.classifier, "CLASSIFIER_STEPS", 200)
        return train_classifier(*digits.training()[:2], 10, CPU)


def test_digits_of_other_writers_are_classified(trained, digits):
    share, error = classifier_accuracy(trained, *digits.test()[:2], 10)
    assert share > 0.9
    assert error == pytest.approx(np.sqrt(share * (1 - share) / len(digits.test().labels)))


def test_the_accuracy_is_the_share_of_correct_answers(digits):
    class Threes(Classifier):
        def logits(self, images):
            return torch.nn.functional.one_hot(torch.full((len(images),), 3), 10)

    images, labels, _ = digits.test()
    assert classifier_accuracy(Threes(1, 10), images, labels, 10)[0] == pytest.approx(np.mean(labels == 3))


def test_features_have_unit_variance_and_separate_classes(trained, digits):
    images, labels, _ = digits.training()
    (features,) = extract_all("classifier", trained, images)
    assert features.std(0) == pytest.approx(np.ones(64), abs=0.15)
    zeros, ones = features[labels == 0], features[labels == 1]
    assert feature_distance(zeros, ones) > 10 * feature_distance(zeros[::2], zeros[1::2])


def test_training_does_not_depend_on_the_seed_of_the_run_or_change_its_state(digits, monkeypatch):
    monkeypatch.setattr(vaeline.evaluation.fid.classifier, "CLASSIFIER_STEPS", 10)
    weights, draws = [], []
    for _ in range(2):
        torch.manual_seed(1)
        torch.rand(len(weights))
        before = torch.get_rng_state()
        weights.append(train_classifier(*digits.training()[:2], 10, CPU).state_dict())
        draws.append(torch.equal(torch.get_rng_state(), before))
    assert all(draws)
    assert all(torch.equal(weights[0][name], weights[1][name]) for name in weights[0])


def test_equal_classifiers_are_stored_as_equal_bytes_and_can_be_loaded(trained, digits, tmp_path):
    trained.save(tmp_path / "first.pt")
    Classifier.load(tmp_path / "first.pt").save(tmp_path / "second.pt")
    assert (tmp_path / "first.pt").read_bytes() == (tmp_path / "second.pt").read_bytes()
    images = torch.tensor(digits.test().values[:5])
    assert torch.equal(Classifier.load(tmp_path / "second.pt")(images), trained(images))


@pytest.mark.parametrize("shape", [(1, 8, 8), (3, 32, 32), (1, 9, 13)])
def test_images_of_any_size_from_8x8_are_accepted(shape):
    images = torch.zeros(2, *shape, dtype=torch.uint8)
    assert Classifier(shape[0], 4).eval().logits(images).shape == (2, 4)


def test_without_classes_the_task_is_to_recognise_rotations(digits, monkeypatch):
    monkeypatch.setattr(vaeline.evaluation.fid.classifier, "CLASSIFIER_STEPS", 200)
    images, _, _ = digits.training()
    classifier = train_classifier(images, np.zeros(len(images), np.int64), 1, CPU)
    held_out, _, _ = digits.test()
    share, error = classifier_accuracy(classifier, held_out, np.zeros(len(held_out), np.int64), 1)
    assert share - 4 * error > 0.5  # chance is a quarter


def test_rotated_images_can_be_indexed_by_rows():
    images = np.arange(6 * 4, dtype=np.uint8).reshape(6, 1, 2, 2)
    rotated = RotatedImages(images)
    assert (len(rotated), rotated.shape) == (6, (6, 1, 2, 2))
    assert np.array_equal(rotated[np.array([5, 2])][0, 0], np.rot90(images[5, 0]))
    assert np.array_equal(rotated[2:3][0, 0], images[2, 0, ::-1, ::-1])


def test_of_oblong_images_the_central_square_is_rotated():
    images = np.arange(4 * 2 * 5 * 2, dtype=np.uint8).reshape(4, 2, 5, 2)
    rotated = RotatedImages(images)
    assert rotated.shape == (4, 2, 2, 2)
    assert np.array_equal(rotated[np.array([0])], images[:1, :, 1:3])
    assert np.array_equal(rotated[2:3], images[2:3, :, 2:0:-1, ::-1])


def test_images_of_one_of_several_classes_are_scored_by_class(trained, digits):
    images, labels, _ = digits.training()
    zeros = labels == 0
    assert classifier_accuracy(trained, images[zeros], labels[zeros], 10)[0] > 0.9

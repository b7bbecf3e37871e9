import pytest
import torch

from vaeline.core.errors import DamagedFileError, VaelineError
from vaeline.evaluation.fid.classifier import Classifier
from vaeline.evaluation.fid.frechet import feature_statistics, frechet_distance
from vaeline.evaluation.fid.inception import INCEPTION_FILE, inception_or_reason
from vaeline.evaluation.fid.reference import Reference
from vaeline.evaluation.fid.scores import FROM_EX_POST, FROM_PRIOR

CPU = torch.device("cpu")


@pytest.fixture
def measured(pictures):
    """`measured(mode)` is a reference of 6 images, with the features of a random classifier."""

    def measure(mode, n=6):
        inception, skipped = inception_or_reason(mode, CPU)
        classifier = Classifier(1, 10).eval()
        return Reference.measure(pictures(n), pictures(n, seed=1), classifier, inception, mode, skipped)

    return measure


def test_the_distance_of_images_is_0_to_themselves_and_the_floor_to_the_held_out_ones(measured, pictures):
    reference = measured("skip", n=80)
    floor = reference.floors["fid_classifier_floor"]
    same, held_out = (reference.scores({FROM_PRIOR: pictures(80, seed=seed)}, CPU) for seed in (0, 1))
    assert abs(same["fid_classifier"]) < 1e-4 * floor
    assert held_out["fid_classifier"] == pytest.approx(floor, rel=1e-9)
    assert held_out["fid_classifier_floor"] == floor
    assert held_out["kid_classifier"] > 2 * held_out["kid_classifier_se"] > 0
    assert same["fid_samples"] == 80


def test_each_source_has_its_own_distances(measured, pictures):
    reference = measured("skip")
    prior, ex_post = pictures(6), pictures(6, seed=2)
    both = reference.scores({FROM_PRIOR: prior, FROM_EX_POST: ex_post}, CPU)
    alone = reference.scores({FROM_PRIOR: ex_post}, CPU)
    for name in ("fid_classifier", "fid_classifier_se", "kid_classifier", "kid_classifier_se"):
        if name.endswith("_se"):
            assert both[f"{name.removesuffix('_se')}_ex_post_se"] == alone[name]
        else:
            assert both[f"{name}_ex_post"] == alone[name]
    assert both["fid_classifier"] == reference.scores({FROM_PRIOR: prior}, CPU)["fid_classifier"]


def test_the_distance_is_that_between_features(measured, pictures):
    reference = measured("skip")
    images = pictures(6, seed=2)
    with torch.inference_mode():
        features = reference.classifier(torch.from_numpy(images)).numpy()
    expected = frechet_distance(
        *feature_statistics(features), *feature_statistics(reference.features["classifier"])
    )
    assert reference.scores({FROM_PRIOR: images}, CPU)["fid_classifier"] == pytest.approx(expected, rel=1e-6)


def test_a_reference_can_be_saved_and_loaded(measured, pictures, tmp_path):
    reference = measured("skip")
    reference.save(tmp_path)
    images = pictures(6, seed=2)
    assert Reference.load(tmp_path).scores({FROM_PRIOR: images}, CPU) == reference.scores(
        {FROM_PRIOR: images}, CPU
    )


@pytest.mark.usefixtures("without_weights")
def test_without_inception_the_other_metrics_are_there_with_a_reason(measured, pictures):
    metrics = measured("auto").scores({FROM_PRIOR: pictures(6)}, CPU)
    assert metrics.keys() == {
        "fid_samples", "fid_classifier", "fid_classifier_se", "fid_classifier_floor",
        "kid_classifier", "kid_classifier_se", "fid_skipped",
    }  # fmt: skip
    assert "put file://" in metrics["fid_skipped"]


@pytest.mark.usefixtures("with_weights", "few_dims")
def test_with_inception_both_distances_are_there_with_their_caveats(measured, pictures):
    reference = measured("require")
    same = reference.scores({FROM_PRIOR: pictures(6)}, CPU)
    assert {"fid", "fid_se", "kid", "kid_se", "fid_floor"} <= same.keys()
    assert "fid_skipped" not in same
    assert abs(same["fid"]) < 1e-4 * same["fid_floor"]
    assert "6 images for 64 features" in same["fid_note"]
    assert f"SHA-256 {reference.weights}, not 6726825d" in same["fid_note"]


@pytest.mark.usefixtures("without_weights", "few_dims")
@pytest.mark.parametrize("mode", ["auto", "require"])
def test_a_reference_with_inception_can_be_used_on_a_machine_without_it_unless_required(
    measured, pictures, random_weights, mode
):
    with pytest.MonkeyPatch.context() as elsewhere:
        elsewhere.setenv("TORCH_HOME", str(random_weights))
        reference = measured(mode)
    if mode == "require":
        with pytest.raises(VaelineError, match="cannot be downloaded"):
            reference.scores({FROM_PRIOR: pictures(6)}, CPU)
    else:
        metrics = reference.scores({FROM_PRIOR: pictures(6)}, CPU)
        assert "cannot be downloaded" in metrics["fid_skipped"]
        assert "fid" not in metrics


@pytest.mark.usefixtures("few_dims")
def test_weights_other_than_those_of_the_reference_are_rejected(
    measured, pictures, with_weights, tmp_path, monkeypatch
):
    reference = measured("auto")
    folder = tmp_path / "hub" / "checkpoints"
    folder.mkdir(parents=True)
    state = torch.load(with_weights / "hub" / "checkpoints" / INCEPTION_FILE, weights_only=True)
    state["Conv2d_1a_3x3.conv.weight"] += 0.1
    torch.save(state, folder / INCEPTION_FILE)
    monkeypatch.setenv("TORCH_HOME", str(tmp_path))
    with pytest.raises(VaelineError, match="not those of the reference"):
        reference.scores({FROM_PRIOR: pictures(6)}, CPU)


def test_a_missing_or_damaged_reference_is_an_error_with_the_command_to_run(measured, tmp_path):
    with pytest.raises(VaelineError, match=r"features.npz: missing; run `dvc repro fid_reference`"):
        Reference.load(tmp_path)
    measured("skip").save(tmp_path)
    for name in ("classifier.pt", "features.npz", "facts.json"):
        good = (tmp_path / name).read_bytes()
        (tmp_path / name).write_bytes(good[: len(good) // 2])
        with pytest.raises(VaelineError, match=r"damaged .*--single-item fid_reference"):
            Reference.load(tmp_path)
        (tmp_path / name).write_bytes(good)
    Reference.load(tmp_path)


@pytest.mark.parametrize("name", ["classifier.pt", "features.npz"])
def test_a_reference_with_a_flipped_bit_is_told_from_a_whole_one(measured, tmp_path, name):
    """Weights of which a bit has flipped would be other features, and a distance that nobody doubts."""
    measured("skip").save(tmp_path)
    content = bytearray((tmp_path / name).read_bytes())
    content[len(content) // 2] ^= 1
    (tmp_path / name).write_bytes(content)
    with pytest.raises(DamagedFileError, match=r"damaged \(BadZipFile\)"):
        Reference.load(tmp_path)

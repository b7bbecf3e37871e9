import numpy as np

from vaeline.evaluation.fid.inception import PUBLISHED_HASH
from vaeline.evaluation.fid.scores import distance_floors, distances_line, fid_caveats


def test_there_is_no_note_with_enough_images_and_the_published_weights():
    assert fid_caveats(np.zeros((64, 64)), PUBLISHED_HASH) == {}


def test_each_caveat_is_noted():
    few = fid_caveats(np.zeros((63, 64)), PUBLISHED_HASH)["fid_note"]
    assert few == "63 images for 64 features: biased upwards, so compare at equal fid_samples only"
    assert "SHA-256 0badc0de, not 6726825d" in fid_caveats(np.zeros((64, 64)), "0badc0de")["fid_note"]


def test_floors_are_named_by_extractor():
    real = np.random.default_rng(0).normal(size=(50, 3))
    both = distance_floors({"classifier": [real, real + 1], "inception": [real, real + 2]})
    assert {name: round(value, 9) for name, value in both.items()} == {
        "fid_classifier_floor": 3,
        "fid_floor": 12,
    }


def test_the_line_has_each_distance_with_error_and_floor_or_the_reason():
    classifier = {"fid_classifier": 8.125, "fid_classifier_se": 0.31, "fid_classifier_floor": 0.25}
    line = "fid_classifier 8.12 ± 0.3 (real against real 0.25)"
    assert distances_line(classifier | {"fid_skipped": "no weights"}) == f"{line}; no fid: no weights"
    inception = {"fid": 20.0, "fid_se": 0.5, "fid_floor": 3.0}
    assert distances_line(classifier | inception) == f"{line}; fid 20 ± 0.5 (real against real 3)"
    ex_post = classifier | {"fid_classifier_ex_post": 3.5}
    assert distances_line(ex_post) == "fid_classifier 8.12 ± 0.3 (ex post 3.5, real against real 0.25)"

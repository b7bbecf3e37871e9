import math

import pytest

from tests.support.sweeps import table, written
from vaeline.experiments.studies.seeds import SEEDS_PAGE, seed_statistics, seeds_tables
from vaeline.experiments.sweep import Sweep


def swept(rows, failures=()) -> Sweep:
    return Sweep(["seed"], [], rows, dict(failures), "vaeline seeds --seeds 1,2,3")


def test_deviation_over_trainings_and_error_over_images_are_kept_apart():
    """By hand: −98, −97, −99 and −102 have mean −99 and squares 1 + 4 + 0 + 9 = 14, over n − 1 = 3."""
    rows = table("seed", [1, 2, 3, 4], [-98.0, -97.0, -99.0, -102.0], elbo_se=[0.1, 0.7, 0.1, 0.7])
    statistics = seed_statistics(rows).set_index("metric")
    elbo = statistics.loc["elbo"]
    assert elbo["n"] == 4
    assert elbo["mean"] == pytest.approx(-99)
    assert elbo["sd"] == pytest.approx(math.sqrt(14 / 3))
    assert elbo["se"] == pytest.approx(0.5)  # root of the mean of 0.01, 0.49, 0.01, 0.49
    assert statistics.loc["active_units", "sd"] == 0
    assert math.isnan(statistics.loc["active_units", "se"])
    assert "fid_classifier_floor" not in statistics.index


def test_tables_say_which_error_is_which():
    text = seeds_tables(swept(table("seed", [1, 2, 3], [-98.0, -97.0, -99.0])))
    lines = text.splitlines()
    heading = "|  | Mean | Standard deviation over trainings | Trainings | Standard error of one training |"
    assert heading in lines
    assert "| ELBO, test | -98.00 | 1.00 | 3 | 0.30 |" in lines
    assert "| Active units of 20, valid | 19 | 0 | 3 | – |" in lines
    assert "| 2 | -97.00 ± 0.30 | -92.00 ± 0.25 |" in text
    assert "10000 for the bounds, 2048 a side" in text
    assert "From 3 trainings, a standard deviation is itself known to about 50 %." in text  # 1 / √(2·2)


def test_one_training_has_no_deviation():
    text = seeds_tables(swept(table("seed", [7], [-98.0])))
    assert "| ELBO, test | -98.00 | – | 1 | 0.30 |" in text.splitlines()
    assert "is itself known to" not in text


def test_page_has_the_tables_a_picture_and_what_failed(at_the_root, monkeypatch, tmp_path):
    sweep = swept(table("seed", [1, 2], [-98.0, -97.0]), {(8,): "diverged"})
    page, _, first, _ = written(SEEDS_PAGE, sweep, monkeypatch, tmp_path)
    assert seeds_tables(sweep) in page
    assert "Made by `vaeline seeds --seeds 1,2,3` at commit" in page
    assert "- seed = 8: diverged" in page.splitlines()
    assert first.startswith("1,-98.0,0.3,")
    assert (tmp_path / "pictures" / "seeds.png").stat().st_size > 10_000

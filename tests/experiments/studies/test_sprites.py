"""β-VAE beside VAE: what the page makes of records, and that the committed one says what they do."""

import json
import math

import pytest

from vaeline.core.errors import VaelineError
from vaeline.experiments.presets import preset_overrides
from vaeline.experiments.results import RESULTS
from vaeline.experiments.studies import sprites
from vaeline.experiments.studies.sprites import (
    SPRITES_FIGURES,
    SPRITES_PICTURES,
    SpritesStudy,
    kind,
    over_seeds,
)

STUDY = SpritesStudy()


@pytest.fixture(autouse=True)
def _at_the_root(at_the_root):
    pass


def record(name: str, value: float) -> dict:
    results = dict.fromkeys(SPRITES_FIGURES, value) | {f"{key}_se": 0.01 for key in SPRITES_FIGURES}
    return {"overrides": preset_overrides(f"sprites-{name}"), "results": results, "seconds": 61.2}


def test_trainings_of_a_kind_differ_by_seed_and_the_kinds_by_beta():
    kinds: dict[str, list[dict]] = {}
    for name in STUDY.members():
        changes = preset_overrides(f"sprites-{name}")
        assert str(changes.pop("seed")) == name.rpartition("-")[2]
        kinds.setdefault(kind(name), []).append(changes)
    assert list(kinds) == ["vae", "beta"]
    assert all(len(same) >= 2 and same.count(same[0]) == len(same) for same in kinds.values())
    vae, beta = (changes[0] for changes in kinds.values())
    assert {key for key in vae | beta if vae.get(key) != beta.get(key)} == {"beta", "notes"}


def test_comparison_is_of_means_over_seeds_with_the_error_of_both():
    """0.1 and 0.3 are 0.2 ± 0.1; 0.6 and 0.8 are 0.7 ± 0.1; their difference is 0.5 ± 0.14."""
    values = {"vae-1": 0.1, "vae-2": 0.3, "beta-1": 0.6, "beta-2": 0.8}
    rows = [STUDY.row(name, record(name, value)) for name, value in values.items()]
    assert over_seeds(rows[:2], "mig") == pytest.approx((0.2, 0.1))
    page = STUDY.markdown(rows)
    assert "| MIG | 0.20 ± 0.10 | 0.70 ± 0.10 | 0.50 ± 0.14 |" in page
    assert "| vae-2 | 0.300 ± 0.010 |" in page
    assert "Mean ± its standard error over 2 trainings" in page
    assert "an error is itself known to about 71 %" in page


def test_one_seed_has_no_error_over_seeds():
    rows = [STUDY.row("vae-1", record("vae-1", 0.1)), STUDY.row("beta-1", record("beta-1", 0.4))]
    assert math.isnan(over_seeds(rows[:1], "mig")[1])
    assert "| MIG | 0.1 | 0.4 | 0.3 |" in STUDY.markdown(rows)
    assert "an error is itself" not in STUDY.markdown(rows)


def test_nothing_is_compared_before_both_kinds_have_run():
    rows = [STUDY.row("vae-1", record("vae-1", 0.1)), STUDY.row("beta-1", None)]
    page = STUDY.markdown(rows)
    assert "Difference" not in page
    assert "| beta-1 | not run |" in page


def test_record_of_another_preset_is_refused():
    with pytest.raises(VaelineError, match=r"sprites-vae-1\.json was made before .*: vaeline sprites vae-1$"):
        STUDY.row("vae-1", record("vae-1", 0.1) | {"overrides": {"epochs": 3}})


def test_pictures_are_those_of_the_first_seed_of_each_kind(monkeypatch, tmp_path):
    monkeypatch.setattr(sprites, "PICTURES", tmp_path / "pictures")
    monkeypatch.setattr("vaeline.experiments.study.RESULTS", tmp_path / "results")
    monkeypatch.setattr(sprites.dvc.api, "read", lambda path, rev, mode: f"{rev} {path}".encode())
    for name in STUDY.members():
        STUDY.finish(name)
    kept = {path.name: path.read_text() for path in (tmp_path / "pictures").iterdir()}
    assert len(kept) == 2 * len(SPRITES_PICTURES)
    assert kept["sprites-beta-factors.png"] == "sprites-beta-1 outputs/report/plots/factors.png"
    page = (tmp_path / "results" / "sprites.md").read_text()
    assert all(f"(../pictures/{name})" in page for name in kept)


def test_committed_page_is_made_of_the_committed_records():
    rows = STUDY.rows()
    assert json.loads((RESULTS / "sprites.json").read_text()) == rows
    assert (RESULTS / "sprites.md").read_text() == STUDY.markdown(rows)

"""The page of β-VAE beside VAE: what it makes of records, and that the committed one says what they do."""

import json
import math
from pathlib import Path

import pytest

from vaeline.core.errors import VaelineError
from vaeline.experiments import presets
from vaeline.experiments.studies import sprites


@pytest.fixture(autouse=True)
def _at_the_root(at_the_root):
    pass


def record(name: str, value: float) -> dict:
    results = dict.fromkeys(sprites.FIGURES, value) | {f"{key}_se": 0.01 for key in sprites.FIGURES}
    return {"overrides": presets.preset_overrides(f"sprites-{name}"), "results": results, "seconds": 61.2}


def test_the_trainings_of_a_kind_differ_by_seed_and_the_kinds_by_beta():
    seen = {}
    for name in sprites.names():
        changes = presets.preset_overrides(f"sprites-{name}")
        assert str(changes.pop("seed")) == name.rpartition("-")[2]
        seen.setdefault(sprites.kind(name), []).append(changes)
    assert list(seen) == ["vae", "beta"]
    assert all(len(same) >= 2 and same.count(same[0]) == len(same) for same in seen.values())
    vae, beta = (changes[0] for changes in seen.values())
    assert {key for key in vae | beta if vae.get(key) != beta.get(key)} == {"beta", "notes"}


def test_the_comparison_is_of_means_over_seeds_with_the_error_of_both():
    """0.1 and 0.3 are 0.2 ± 0.1; 0.6 and 0.8 are 0.7 ± 0.1; their difference is 0.5 ± 0.14."""
    values = {"vae-1": 0.1, "vae-2": 0.3, "beta-1": 0.6, "beta-2": 0.8}
    rows = [sprites.row(name, record(name, value)) for name, value in values.items()]
    assert sprites.over_seeds(rows[:2], "mig") == pytest.approx((0.2, 0.1))
    page = sprites.markdown(rows)
    assert "| MIG | 0.20 ± 0.10 | 0.70 ± 0.10 | 0.50 ± 0.14 |" in page
    assert "| vae-2 | 0.300 ± 0.010 |" in page
    assert "Mean ± its standard error over 2 trainings" in page
    assert "an error is itself known to about 71 %" in page


def test_one_seed_has_no_error_over_seeds():
    rows = [sprites.row("vae-1", record("vae-1", 0.1)), sprites.row("beta-1", record("beta-1", 0.4))]
    assert math.isnan(sprites.over_seeds(rows[:1], "mig")[1])
    assert "| MIG | 0.1 | 0.4 | 0.3 |" in sprites.markdown(rows)
    assert "an error is itself" not in sprites.markdown(rows)


def test_nothing_is_compared_before_both_kinds_have_run():
    rows = [sprites.row("vae-1", record("vae-1", 0.1)), sprites.row("beta-1", None)]
    page = sprites.markdown(rows)
    assert "Difference" not in page
    assert "| beta-1 | not run |" in page


def test_a_record_of_another_preset_is_not_shown():
    with pytest.raises(VaelineError, match=r"sprites-vae-1\.json is of another preset: make sprites"):
        sprites.row("vae-1", record("vae-1", 0.1) | {"overrides": {"epochs": 3}})


def test_an_unknown_name_is_refused_before_anything_runs():
    with pytest.raises(VaelineError, match=r"NAME: there is no 'vea-1' on sprites \(known: vae-1 "):
        sprites.main(["vea-1"])


def test_the_pictures_are_those_of_the_first_seed_of_each_kind(monkeypatch, tmp_path):
    monkeypatch.setattr(sprites, "PICTURES_FOLDER", tmp_path / "pictures")
    monkeypatch.setattr(sprites.dvc.api, "read", lambda path, rev, mode: f"{rev} {path}".encode())
    for name in sprites.names():
        sprites.keep_pictures(f"sprites-{name}")
    kept = {path.name: path.read_text() for path in (tmp_path / "pictures").iterdir()}
    assert len(kept) == 2 * len(sprites.PICTURES)
    assert kept["sprites-beta-factors.png"] == "sprites-beta-1 outputs/report/plots/factors.png"


def test_the_committed_page_is_what_the_committed_records_say():
    records = presets.recorded()
    rows = [sprites.row(name, records.get(f"sprites-{name}")) for name in sprites.names()]
    assert json.loads(Path("docs/results/sprites.json").read_text()) == rows
    assert Path("docs/results/sprites.md").read_text() == sprites.markdown(rows)

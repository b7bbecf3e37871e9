"""The table of published numbers: what a cell says, and that the committed page says what the records do."""

import json
import math

import pytest
import torch

from tests.support.records import summary
from vaeline.core.errors import VaelineError
from vaeline.evaluation.estimators.estimate import Estimate
from vaeline.experiments.presets import preset_overrides
from vaeline.experiments.records import preset_record
from vaeline.experiments.results import RESULTS
from vaeline.experiments.studies.cells import Cell, SeedSpread
from vaeline.experiments.studies.differences import CellDifference
from vaeline.experiments.studies.table1 import Table1Study, bounds_by_cell, difference_row, published_nll
from vaeline.experiments.studies.table1_page import FAMILIES, table1_markdown
from vaeline.experiments.trainings import RecordedTraining

NAME = "fast-1l-vae-k1"
TABLE1 = Table1Study()
SEEDS = SeedSpread(0.1, 3)


@pytest.fixture(autouse=True)
def _at_the_root(at_the_root):
    pass


def test_cells_are_ordered_by_family_layers_k_and_bound():
    cells = TABLE1.members()
    assert cells[:3] == ["burda-1l-vae-k1", "burda-1l-iwae-k1", "burda-1l-vae-k5"]
    assert cells.index("burda-1l-iwae-k50") < cells.index("burda-2l-vae-k1") < cells.index(NAME)
    assert cells[-3:] == ["short-1l-vae-k1", "short-1l-iwae-k5", "short-1l-iwae-k50"]


def training(preset=NAME, bounds=None, nll=86.5, **metrics):
    made = summary(preset, **{"evaluate/nll": nll, "prepare/test_sha256": "ab"} | metrics)
    return RecordedTraining(preset_record(preset, preset_overrides(preset), made), bounds)


def test_trainings_of_a_cell_become_a_row_of_means():
    on_gpu = training(nll=86.7)
    on_gpu.record["training"] = {"hardware.gpu": "card", "together": "7"}
    row = TABLE1.cell_row(Cell.of(NAME), [training(), on_gpu], SeedSpread(0.1, 3))
    assert row == {
        "preset": NAME,
        "published": 86.76,
        "trainings": 2,
        "nll": 86.6,
        "nll_se": 0.2,
        "active_units": "16+6, 16+6",
        "epochs": 500,
        "seconds": 5400.0,
        "trained_on": "CPU; card, 7 at a time",
        "distance": pytest.approx(-0.16),
        "distance_error": pytest.approx(math.sqrt(2 * 0.06**2 + 0.01 * 1.5)),
        "verdict": "pass",
    }
    line = f"| {NAME} | 2 | 86.76 | 86.60 ± 0.20 | −0.16 ± 0.15 | 16+6, 16+6 | 500 | 1 h 30 min |"
    assert f"{line} CPU; card, 7 at a time | pass |" in page([row])


def page(rows, differences=(), seeds=SEEDS):
    return table1_markdown(rows, {"fast": differences}, dict.fromkeys(FAMILIES, seeds))


def test_verdict_is_of_the_mean_over_trainings():
    seeds = SeedSpread(0.1, 3)
    assert TABLE1.cell_row(Cell.of(NAME), [training(nll=87.2)], seeds)["verdict"] == "fail"
    assert (
        TABLE1.cell_row(Cell.of(NAME), [training(nll=87.2), training(nll=86.8)], seeds)["verdict"] == "pass"
    )


def test_record_from_before_the_authors_count_of_units_has_that_of_its_one_layer():
    older = training()
    del older.record["results"]["train_active_units_one_draw_by_layer"]
    assert TABLE1.outcome(older.record)["active_units"] == "16+5"


def test_cell_without_a_record_was_not_run():
    row = TABLE1.cell_row(Cell.of("burda-1l-vae-k1"), [], SeedSpread(0.0, 0))
    assert "| burda-1l-vae-k1 | 0 | 86.76 |  |  |  |  |  |  | not run |" in page([row])
    kept = {"preset": "burda-1l-vae-k1", "published": 86.76, "trainings": 0, "verdict": "not run"}
    assert {key: value for key, value in row.items() if value is not None} == kept


def test_cell_without_a_published_number_has_no_verdict():
    row = TABLE1.cell_row(Cell.of("short-1l-vae-k1"), [training("short-1l-vae-k1")], SeedSpread(0.0, 0))
    assert (row["nll"], row["distance"], row["verdict"]) == (86.5, None, "none")


def test_page_says_what_seeds_change_or_that_it_is_not_known():
    row = TABLE1.cell_row(Cell.of(NAME), [training()], SeedSpread(0.1, 3))
    assert "a standard deviation of 0.100 nats over seeds" in page([row])
    assert "No cell has two trainings" in page([row], seeds=SeedSpread(0.0, 0))


def test_page_has_each_difference_with_its_verdict():
    start, end = Cell.of("fast-1l-vae-k1"), Cell.of("fast-1l-iwae-k5")
    gain = CellDifference(start, end, -1.22, Estimate(-1.1, 0.031), (2, 1), SeedSpread(0.1, 3))
    line = (
        "| 1l IWAE k=5 minus 1l k=1 | 1 and 2 | −1.22 | −1.100 ± 0.031 | 0.126 | as published | "
        "+0.12 ± 0.19 | agrees |"
    )
    written = page([], [gain])
    assert line in written
    assert (
        "Of 1 differences, 1 have the published sign, 0 have the opposite one, and 0 are not resolved."
        in written
    )
    assert "](table1.png)" in written


def test_both_presets_of_one_draw_are_trainings_of_one_cell(monkeypatch):
    """0.2 nats apart: their pooled deviation is 0.2/√2; their bounds are averaged image by image."""
    vae, iwae, five = (Cell.of(f"fast-1l-{name}") for name in ("vae-k1", "iwae-k1", "vae-k5"))
    bounds = {cell: torch.full((4,), -nll) for cell, nll in ((vae, 86.4), (iwae, 86.6), (five, 86.0))}
    trainings = {cell: [training(cell.preset, b, -b[0].item())] for cell, b in bounds.items()}
    monkeypatch.setattr(TABLE1, "trainings", lambda: trainings)
    (gain,) = TABLE1.differences()["fast"]
    assert (gain.start, gain.end, gain.trainings) == (vae, five, (2, 1))
    assert gain.measured.mean == pytest.approx(-0.5)
    assert gain.published == pytest.approx(86.47 - 86.76)
    assert (gain.seeds.sd, gain.seeds.freedom) == (pytest.approx(0.2 / math.sqrt(2), rel=1e-4), 1)
    assert difference_row(gain)["start"] == "fast-1l-vae-k1"


def test_bounds_of_other_test_images_are_refused():
    vae, five = Cell.of("fast-1l-vae-k1"), Cell.of("fast-1l-vae-k5")
    other = training(five.preset, torch.zeros(4), **{"prepare/test_sha256": "cd"})
    with pytest.raises(VaelineError, match="fast-1l-vae-k1 and fast-1l-vae-k5 are of different test images"):
        bounds_by_cell({vae: [training(vae.preset, torch.zeros(4))], five: [other]})


def test_preset_that_is_no_cell_is_named():
    with pytest.raises(VaelineError, match="'zoo-vae' is no cell"):
        TABLE1.order("zoo-vae")
    with pytest.raises(VaelineError, match=r"presets/short-1l-vae-k1\.yaml has no target_nll"):
        published_nll(Cell.of("short-1l-vae-k1"))


def test_committed_page_is_made_of_the_committed_records():
    rows = TABLE1.rows()
    assert json.loads((RESULTS / "table1.json").read_text()) == rows
    assert (RESULTS / "table1.md").read_text() == TABLE1.markdown(rows)
    written = json.loads((RESULTS / "table1_differences.json").read_text())
    assert written == [difference_row(d) for of_family in TABLE1.differences().values() for d in of_family]


def test_differences_are_written_with_their_picture(monkeypatch, tmp_path):
    start, end = Cell.of("fast-1l-vae-k1"), Cell.of("fast-1l-iwae-k5")
    gain = CellDifference(start, end, -1.22, Estimate(-1.1, 0.03), (2, 1), SEEDS)
    monkeypatch.setattr(TABLE1, "differences", lambda: {"fast": [gain]})
    values, picture = TABLE1.write_more(tmp_path)
    assert json.loads(values.read_text()) == [difference_row(gain)]
    assert (picture.name, picture.read_bytes()[:4]) == ("table1.png", b"\x89PNG")

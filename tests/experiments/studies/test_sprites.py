"""The study of disentanglement: its grid, one small cell, what is not run again, and the page."""

import math
from dataclasses import replace

import numpy as np
import pandas as pd
import pytest

from vaeline.core.errors import VaelineError
from vaeline.data.prepared import Split
from vaeline.evaluation.disentanglement import guessing, sampled
from vaeline.evaluation.disentanglement.information import mig
from vaeline.experiments.presets import preset_config
from vaeline.experiments.results import RESULTS
from vaeline.experiments.studies.sprites import cell, run
from vaeline.experiments.studies.sprites.cell import SPRITES, cell_row
from vaeline.experiments.studies.sprites.floor import ROTATION, rotated_factors
from vaeline.experiments.studies.sprites.grid import GRID_METHODS, SEEDS, GridCell, chosen_methods, grid_cells
from vaeline.experiments.studies.sprites.page import TEST_FIGURES, best_weight, spread_text, sprites_page
from vaeline.experiments.studies.sprites.picture import sprites_figure
from vaeline.experiments.variation import varied

BETA = GRID_METHODS[0]


@pytest.fixture(autouse=True)
def _at_the_root(at_the_root):
    pass


def test_every_cell_is_valid_and_differs_from_the_preset_in_objective_weight_and_seed():
    cells = list(grid_cells(chosen_methods([])))
    assert (
        len({cell.key for cell in cells})
        == len(cells)
        == len(SEEDS) * sum(len(m.weights) for m in GRID_METHODS)
    )
    preset = preset_config(SPRITES).to_dict()
    for one in cells:
        changed = varied(preset, one.changes).to_dict()
        assert {key for key in preset if preset[key] != changed[key]} <= {"seed", "beta", "objective"}
        assert changed["seed"] == one.seed
        assert all(value == one.weight for key, value in one.changes.items() if key in one.method.keys)


def test_methods_are_chosen_by_name():
    assert [method.name for method in chosen_methods(["dip-vae", "beta-vae"])] == ["dip-vae", "beta-vae"]
    with pytest.raises(VaelineError, match="there is no 'beta': beta-vae beta-tcvae"):
        chosen_methods(["beta"])


def test_row_of_a_cell(monkeypatch):
    tiny = {"data.sprites.x": 4, "data.sprites.y": 2, "data.sprites.scale": 5, "epochs": 2, "hidden_dim": 8}
    small = varied(preset_config(SPRITES).to_dict(), tiny)
    monkeypatch.setattr(cell, "preset_config", lambda name: small)
    monkeypatch.setattr(guessing, "GUESSED_SETS", 100)
    monkeypatch.setattr(sampled, "SAMPLED_CODES", 200)
    row = cell_row(GridCell(BETA, 4, 3))
    assert (row["method"], row["weight"], row["seed"]) == ("beta-vae", 4.0, 3)
    assert row.keys() >= {*TEST_FIGURES, "valid_mig", "valid_rate", "seconds", "device"}
    assert row["elbo"] == pytest.approx(-(row["rate"] + row["distortion"]))
    assert all(0 <= row[name] <= 1 for name in ("mig", "mig_sampled", "sap_svm", "valid_mig"))
    assert row["rate"] > 0


def made_up(seed_or_cell) -> dict:
    method, weight, seed = getattr(seed_or_cell, "key", (ROTATION, 0.0, seed_or_cell))
    made_up.calls.append(seed)
    return {"method": method, "weight": weight, "seed": seed, "valid_mig": seed / 10}


made_up.calls = []


def test_only_what_has_no_record_of_this_budget_is_run(monkeypatch, tmp_path):
    method = replace(BETA, weights=(1.0, 4.0))
    monkeypatch.setattr(run, "RESULTS", tmp_path)
    monkeypatch.setattr(run, "cell_row", made_up)
    monkeypatch.setattr(run, "rotation_row", made_up)
    monkeypatch.setattr(run, "ROTATIONS", 1)
    run.run_cells([replace(method, weights=(1.0,))], 1)
    few = run.read_records(tmp_path / "sprites.csv")
    assert list(few["seed"]) == [*SEEDS, 1]
    few.loc[few["method"] == BETA.name, "valid_mig"] = 9.0  # which another run would replace
    few.to_csv(tmp_path / "sprites.csv", index=False)
    run.run_cells([method], 1)
    both = run.read_records(tmp_path / "sprites.csv")
    assert list(both["weight"]) == [1.0] * 5 + [4.0] * 5 + [0.0]
    assert (both[both["weight"] == 1]["valid_mig"] == 9).all()
    assert list(both[both["weight"] == 4]["valid_mig"]) == [seed / 10 for seed in SEEDS]
    monkeypatch.setattr(run, "budget", lambda: "another")
    assert run.read_records(tmp_path / "sprites.csv").empty


def rows() -> pd.DataFrame:
    """Two trainings at each of two weights: the second is better on valid, the first on test."""
    values = {1: (0.1, 0.5), 8: (0.4, 0.2)}
    always = {"method": BETA.name, "valid_rate": 9.0}
    costs = {1: {"seconds": 30.2, "device": "cpu"}, 2: {"seconds": 6.1, "device": "cuda"}}
    table = [
        always | costs[seed] | {"weight": float(weight), "seed": seed, "valid_mig": valid + spread}
        | dict.fromkeys(TEST_FIGURES, test + spread)
        for weight, (valid, test) in values.items() for seed, spread in ((1, -0.1), (2, 0.1))
    ]  # fmt: skip
    floor = {"method": ROTATION, "weight": 0.0, "seed": 1, "valid_mig": 0.07, "mig": 0.06}
    return pd.DataFrame([*table, floor])


def test_weights_are_selected_on_valid_and_shown_on_test():
    assert best_weight(rows(), BETA) == 8
    assert best_weight(rows(), GRID_METHODS[1]) is None
    page = sprites_page(rows())
    assert "| β-VAE (Higgins et al. 2017) | β = 8 | 2 | 0.20 ± 0.14 | 0.20 ± 0.14 |" in page
    assert "| VAE (Kingma & Welling 2014) |  | 2 | 0.50 ± 0.14 |" in page
    assert "| floor: rotated perfect code |  | 1 | – | 0.060 | – |" in page
    assert "| β-VAE (Higgins et al. 2017) | β = 1 | 2 | 0.10 ± 0.14 | 9.000 ± 0.000 |" in page
    assert "1,038 images" in page
    cells = len(list(grid_cells(GRID_METHODS)))
    assert f"4 of {cells} trainings are recorded, 2 of them made on a GPU" in page
    assert "30 s of one CPU core each" in page
    assert f"{math.log(1038):.2f} nats" in page


@pytest.mark.parametrize(
    ("values", "text"), [([], "–"), ([math.nan], "–"), ([0.25], "0.250"), ([0.1, 0.3], "0.20 ± 0.14")]
)
def test_spread_is_the_standard_deviation(values, text):
    assert spread_text(pd.Series(values, dtype=float)) == text


def test_picture_has_a_column_for_each_method_and_the_information():
    fig = sprites_figure(rows(), 7.0)
    assert len(fig.axes) == 2 * len(GRID_METHODS)
    dashed = [line for axes in fig.axes for line in axes.lines if line.get_linestyle() == "--"]
    assert [list(line.get_ydata()) for line in dashed] == [[7.0, 7.0]] * len(GRID_METHODS)


def test_rotated_code_holds_every_factor_and_separates_none():
    sizes = (3, 4, 5)
    factors = np.stack(np.unravel_index(np.tile(np.arange(60), 4), sizes), axis=1)
    split = Split(np.zeros((240, 1)), factors[:, 0], factors)
    code = rotated_factors(split, 8, seed=1).mean
    assert code.shape == (240, 8)
    _, residual, *_ = np.linalg.lstsq(np.c_[code, np.ones(240)], factors, rcond=None)
    assert residual == pytest.approx(0, abs=1e-9)
    assert mig(code, factors) < 0.3 < mig(factors.astype(float), factors)


def test_committed_page_is_made_of_the_committed_rows():
    table = run.read_records(run.records_path())
    assert (RESULTS / "sprites.md").read_text() == sprites_page(table)

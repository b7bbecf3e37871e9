import math

from tests.support.sweeps import table, written
from vaeline.experiments.studies.grid import GRID_PAGE
from vaeline.experiments.sweep import Sweep

TABLE = table("beta", [0.5, 1.0], [-100.0, -98.0])


def grid(rows, **changes):
    return Sweep(**{"keys": ["beta"], "shared": [], "table": rows, "failures": {}, "command": "…"} | changes)


def test_row_begins_with_the_value_of_each_swept_param(at_the_root, monkeypatch, tmp_path):
    rows = TABLE.assign(latent_dim=[10, 20], latent_dims=[10, 20])
    failures = {(4.0, 20): "train: all NaN"}
    page, *_ = written(
        GRID_PAGE, grid(rows, keys=["beta", "latent_dim"], failures=failures), monkeypatch, tmp_path
    )
    assert "| β | `latent_dim` | ELBO, test |" in page
    assert "| Active units of 10/20, valid |" in page
    assert "| 0.5 | 10 | -100.00 ± 0.30 |" in page
    assert "- beta = 4, latent_dim = 20: train: all NaN" in page.splitlines()
    assert "![" not in page


def test_param_that_is_swept_is_not_named_as_shared(at_the_root, monkeypatch, tmp_path):
    rows = TABLE.rename(columns={"beta": "data.name"}).assign(**{"data.name": ["digits", "mnist"]})
    swept = grid(rows, keys=["data.name"], shared=["epochs=7"])
    page, *_ = written(GRID_PAGE, swept, monkeypatch, tmp_path)
    (made,) = [line for line in page.splitlines() if line.startswith("Made by")]
    assert ", on " not in made
    assert made.endswith("epochs=7.")


def test_metric_that_one_experiment_lacks_is_a_dash(at_the_root, monkeypatch, tmp_path):
    """Such as when Inception's weights came after the first experiment."""
    rows = TABLE.assign(fid=[math.nan, 20.0], fid_se=[math.nan, 0.5], fid_floor=[math.nan, 2.0])
    page, *_ = written(GRID_PAGE, grid(rows), monkeypatch, tmp_path)
    lines = page.splitlines()
    first, second = (next(line for line in lines if line.startswith(start)) for start in ("| 0.5 ", "| 1 "))
    assert first.endswith("| 0.4318 | – | – | 19 |")
    assert second.endswith("| 0.4318 | 20.00 ± 0.50 | 2 | 19 |")

from pathlib import Path

from tests.support.sweeps import table, written
from vaeline.experiments.studies.frontier import FRONTIER_PAGE
from vaeline.experiments.sweep import Sweep

COMMAND = "vaeline frontier --beta 0.5,1,-1 --set epochs=1"
TABLE = table("beta", [0.5, 1.0], [-100.0, -98.0])


def test_page_has_a_row_for_each_beta_a_picture_and_what_failed(at_the_root, monkeypatch, tmp_path):
    page, heading, *rows = written(
        FRONTIER_PAGE,
        Sweep(["beta"], ["epochs=1"], TABLE, {(9.0,): "train: all NaN"}, COMMAND),
        monkeypatch,
        tmp_path,
    )
    lines = page.splitlines()
    assert (
        "| β | ELBO, test | IWAE-100, test | Rate, test | Distortion, test | Fréchet, classifier | "
        "… real against real | "
        "Active units of 20, valid |"
    ) in lines
    assert (
        "| 1 | -98.00 ± 0.30 | -93.00 ± 0.25 | 26.000 ± 0.040 | 72.00 ± 0.20 | 9.00 ± 0.35 | 0.4318 | 19 |"
    ) in lines
    assert "- beta = 9: train: all NaN" in lines
    assert "10000 images for the bounds, 2048 a side for the Fréchet distances" in page
    (made,) = [line for line in lines if line.startswith("Made by")]
    assert f"`{COMMAND}`" in made
    assert "epochs=1" in made.split("committed ones")[1]
    assert ", on mnist." in made
    assert heading.startswith("beta,elbo,elbo_se,iwae,iwae_se,rate,")
    assert len(rows) == 2
    (picture,) = [line for line in lines if line.startswith("![")]
    assert Path(tmp_path, "results", picture.partition("(")[2].rstrip(")")).stat().st_size > 10_000

import math

from tests.support.sweeps import rows
from vaeline.experiments.studies import frontier
from vaeline.experiments.sweep import Sweep

TABLE = rows("beta", [0.5, 1.0], [-100.0, -98.0])
COMMAND = 'make frontier BETA="0.5 1 -1" SET="epochs=1"'


def test_the_table_has_a_row_for_each_beta_and_names_what_failed(at_the_root):
    text = frontier.document(Sweep("beta", ["epochs=1"], TABLE, {9.0: "train: all NaN"}, COMMAND))
    lines = text.splitlines()
    assert (
        "| β | ELBO | IWAE-100 | Rate | Distortion | Fréchet, classifier | … real against real | "
        "Active units of 20 |"
    ) in lines
    assert (
        "| 1 | -98.00 ± 0.30 | -93.00 ± 0.25 | 26.000 ± 0.040 | 72.00 ± 0.20 | 9.00 ± 0.35 | 0.4318 | 19 |"
    ) in lines
    assert "- beta = 9: train: all NaN" in lines
    assert "10000 images for the bounds, 2048 a side for the Fréchet distances" in text
    (made,) = [line for line in lines if line.startswith("Made by")]
    assert COMMAND in made
    assert "epochs=1" in made.split("committed ones")[1]
    assert ", on mnist." in made


def test_what_one_experiment_lacks_is_a_dash(at_the_root):
    """Inception's weights came after the first experiment."""
    table = TABLE.assign(fid=[math.nan, 20.0], fid_se=[math.nan, 0.5], fid_floor=[math.nan, 2.0])
    lines = frontier.document(Sweep("beta", [], table, {}, COMMAND)).splitlines()
    first, second = (next(line for line in lines if line.startswith(start)) for start in ("| 0.5 ", "| 1 "))
    assert first.endswith("| 0.4318 | – | – | 19 |")
    assert second.endswith("| 0.4318 | 20.00 ± 0.50 | 2 | 19 |")


def test_table_and_picture_are_written(at_the_root, tmp_path, monkeypatch):
    monkeypatch.setattr(frontier, "RESULTS", tmp_path)
    monkeypatch.setattr(frontier, "PICTURES", tmp_path / "pictures")
    written = frontier.write(Sweep("beta", [], TABLE, {}, COMMAND))
    assert (tmp_path / "frontier.md").read_text() == written
    heading, *lines = (tmp_path / "frontier.csv").read_text().splitlines()
    assert heading.startswith("beta,elbo,elbo_se,iwae,iwae_se,rate,")
    assert len(lines) == 2
    assert (tmp_path / "pictures" / "frontier.png").stat().st_size > 10_000

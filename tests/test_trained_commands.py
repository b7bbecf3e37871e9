"""`vaeline encode`, `score` and the others as they are typed."""

import numpy as np
import pandas as pd
import pytest
from PIL import Image
from typer.testing import CliRunner

from tests.support.small import digits
from tests.support.stored import store
from vaeline.cli import app


@pytest.fixture(autouse=True)
def _files(tmp_path, monkeypatch):
    """A folder with two small models, four digits, and their labels."""
    monkeypatch.chdir(tmp_path)
    store(tmp_path / "small.pt")
    store(tmp_path / "given.pt", model={"name": "conditional"})
    np.save("rows.npy", digits(4).numpy())
    np.save("labels.npy", [0, 1, 2, 3])


def run(line: str, status: int = 0):
    result = CliRunner().invoke(app, line.split(), prog_name="vaeline")
    assert result.exit_code == status, result.output
    return result


@pytest.mark.parametrize(
    ("line", "written"),
    [
        ("encode rows.npy --model small.pt --out z.parquet", "z.parquet"),
        ("reconstruct rows.npy --model given.pt --labels labels.npy", "reconstructed.png"),
        ("sample -n 3 --model given.pt --labels 1,2 --out x.npy", "x.npy"),
        ("interpolate rows.npy rows.npy --model small.pt", "interpolated.png"),
        ("traverse rows.npy --model given.pt --labels labels.npy --dims 2", "traversals.png"),
    ],
)
def test_a_command_writes_its_file_and_says_so(tmp_path, line, written):
    assert run(line).stdout.endswith(f"Wrote {written}\n")
    assert (tmp_path / written).stat().st_size > 100


def test_scores_are_the_same_with_the_same_seed():
    said = run("score rows.npy --model small.pt --k 5 --out a.csv --maps maps.png").stdout
    assert said.startswith("No typicality: ")
    assert said.endswith("4 rows scored\nWrote a.csv, maps.png\n")
    run("score rows.npy --model small.pt --k 5 --out b.csv")
    run("score rows.npy --model small.pt --k 5 --out c.csv --seed 1")
    first, same, other = (pd.read_csv(f"{name}.csv") for name in "abc")
    scores = ["elbo", "iwae", "iwae_se", "distortion", "rate"]
    assert first[scores].equals(same[scores])
    assert not first[scores].equals(other[scores])
    assert Image.open("maps.png").width == 4 * 10 + 2


@pytest.mark.parametrize(
    ("line", "said"),
    [
        ("encode no.npy --model small.pt", "vaeline encode: no.npy: no such file or folder"),
        ("encode rows.npy --model no.pt", "vaeline encode: no.pt: no such checkpoint"),
        (
            "encode rows.npy --model small.pt --out z.png",
            "vaeline encode: --out z.png: use a name that ends in",
        ),
        ("score rows.npy --model given.pt", "vaeline score: this model is conditioned on labels"),
        ("sample --model small.pt --labels one", "vaeline sample: --labels one: use numbers of classes"),
        ("sample --model small.pt --labels 1", "vaeline sample: this model is not conditioned on labels"),
    ],
)
def test_a_wrong_command_is_one_line_and_writes_nothing(tmp_path, line, said):
    before = set(tmp_path.iterdir())
    result = run(line, status=1)
    assert result.stderr.splitlines()[-1].startswith(said)
    assert set(tmp_path.iterdir()) == before

"""Results in files, batch by batch: what was written is what is read."""

import numpy as np
import pandas as pd
import pytest
from PIL import Image

from vaeline.core.errors import VaelineError
from vaeline.serving.writing import SHEET_IMAGES, open_output

VALUES = np.arange(24, dtype=np.float32).reshape(6, 4) / 24
NAMES = list("abcdef")


def write(path, values, **options) -> None:
    with open_output(path, "z", **options) as output:
        for rows in (slice(0, 4), slice(4, 6)):
            output.write(NAMES[rows], values[rows])


def test_an_array_grows_with_its_batches(tmp_path):
    for values in (VALUES, VALUES.reshape(6, 2, 2)):
        write(tmp_path / "z.npy", values)
        assert np.array_equal(np.load(tmp_path / "z.npy"), values)


@pytest.mark.parametrize(("name", "read"), [("z.csv", pd.read_csv), ("z.parquet", pd.read_parquet)])
def test_a_table_has_a_row_for_each_with_its_name(tmp_path, name, read):
    write(tmp_path / name, VALUES)
    table = read(tmp_path / name)
    assert list(table.columns) == ["row", "z0", "z1", "z2", "z3"]
    assert list(table["row"]) == NAMES
    assert np.allclose(table.drop(columns="row"), VALUES)


def test_values_have_the_names_of_their_columns_at_each_point(tmp_path):
    write(tmp_path / "x.csv", VALUES[:, :2], fields=("mass", "row"))
    assert list(pd.read_csv(tmp_path / "x.csv").columns) == ["row_name", "mass", "row"]
    write(tmp_path / "path.csv", VALUES.reshape(6, 2, 2), fields=("mass", "length"))
    table = pd.read_csv(tmp_path / "path.csv")
    assert list(table.columns) == ["row", "mass_0", "length_0", "mass_1", "length_1"]
    assert np.allclose(table.drop(columns="row"), VALUES)


def test_scores_keep_their_names(tmp_path):
    scores = np.zeros(6, [("elbo", float), ("rate", float)])
    scores["rate"] = np.arange(6)
    write(tmp_path / "s.csv", scores)
    write(tmp_path / "s.npy", scores)
    assert list(pd.read_csv(tmp_path / "s.csv")["rate"]) == list(range(6))
    assert np.array_equal(np.load(tmp_path / "s.npy"), scores)


def test_a_sheet_has_its_images_in_rows(tmp_path):
    write(tmp_path / "x.png", VALUES.reshape(6, 1, 2, 2), pixels=np.asarray, columns=3)
    sheet = np.asarray(Image.open(tmp_path / "x.png"))
    levels = np.round(VALUES[4].reshape(2, 2) * 255)
    assert sheet.shape == (2 * 4 + 2, 3 * 4 + 2, 3)
    assert np.array_equal(sheet[6:8, 6:8, 0], levels)  # the second image of the second row


def test_what_cannot_be_written_is_one_line_and_leaves_nothing(tmp_path):
    with pytest.raises(VaelineError, match=r"use a name that ends in .npy, .csv, .parquet$"):
        write(tmp_path / "z.png", VALUES)
    with pytest.raises(VaelineError, match=f"more than {SHEET_IMAGES} images"):
        with open_output(tmp_path / "x.png", "x", pixels=np.asarray) as output:
            output.write(["a"], np.zeros((SHEET_IMAGES + 1, 1, 1, 1)))
    with pytest.raises(ValueError), open_output(tmp_path / "z.npy", "z") as output:
        output.write(["a"], VALUES[int("stopped") :])
    assert list(tmp_path.iterdir()) == []

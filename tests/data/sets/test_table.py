"""A table of one's own, from files that are written here."""

import numpy as np
import pandas as pd
import pytest

from vaeline.core.errors import VaelineError
from vaeline.data.catalog import DATASETS
from vaeline.data.split import split_indices
from vaeline.data.storing import store

N = 40
ROWS = pd.DataFrame(
    {
        "mass": np.linspace(900, 1100, N),
        "length": np.random.default_rng(0).normal(size=N),
        "kind": [("cat", "dog")[i % 2] for i in range(N)],
        "flat": 7.0,
    }
)


def table(path, split="random", **options):
    section = {"name": "table", "path": str(path), "split": split, "table": options}
    return DATASETS.build(section, raw=path.parent / "raw")


def written(path, frame=ROWS):
    if path.suffix == ".npy":
        np.save(path, frame.select_dtypes("number").to_numpy())
    else:
        frame.to_csv(path, index=False) if path.suffix == ".csv" else frame.to_parquet(path)
    return path


@pytest.mark.parametrize(
    ("name", "columns"),
    [
        ("a.csv", ("mass", "length", "flat")),
        ("a.parquet", ("mass", "length", "flat")),
        ("a.npy", ("x0", "x1", "x2")),
    ],
)
def test_every_format_gives_the_columns_of_numbers_and_each_row_once(tmp_path, name, columns):
    dataset = table(written(tmp_path / name))
    assert dataset.columns == columns
    parts = [part.values for part in (dataset.training(), dataset.test())]
    assert [len(part) for part in parts] == [36, 4]
    rows = np.concatenate(parts)
    expected = ROWS.select_dtypes("number").to_numpy()
    np.testing.assert_allclose(rows[rows[:, 0].argsort()], expected)


def test_standardisation_is_that_of_train_alone_and_is_undone(tmp_path):
    dataset = table(written(tmp_path / "a.csv"), columns=["length", "mass"])
    prepared = store(dataset, tmp_path / "prepared")
    train, _ = split_indices(dataset, 36)
    raw = dataset.training().values[train]
    assert prepared.columns == ("length", "mass")
    np.testing.assert_allclose(prepared.scaling.mean, raw.mean(0))
    np.testing.assert_allclose(prepared.scaling.std, raw.std(0))
    np.testing.assert_allclose(prepared.train.values.mean(0), 0, atol=1e-6)
    np.testing.assert_allclose(prepared.train.values.std(0), 1, rtol=1e-5)
    restored = prepared.scaling.original(np.asarray(prepared.test.values, np.float64))
    np.testing.assert_allclose(restored, dataset.test().values, rtol=1e-5)


def test_without_standardisation_values_are_stored_as_they_are(tmp_path):
    dataset = table(written(tmp_path / "a.csv"), standardise=False)
    prepared = store(dataset, tmp_path / "prepared")
    np.testing.assert_allclose(prepared.test.values, dataset.test().values, rtol=1e-6)


def test_a_constant_column_is_moved_to_0_and_named_with_what_is_left_out(tmp_path):
    dataset = table(written(tmp_path / "a.csv", ROWS.assign(few=np.arange(N) % 3)))
    prepared = store(dataset, tmp_path / "prepared")
    assert not prepared.test.values[:, 2].any()
    remarks = "\n".join(dataset.remarks())
    assert "constant in train, so shifted to 0 and not scaled: flat" in remarks
    assert "kind ('cat' in row 1)" in remarks
    assert "means little: few (3)" in remarks


def test_the_column_of_labels_gives_the_classes_and_is_not_modelled(tmp_path):
    dataset = table(written(tmp_path / "a.csv", ROWS.assign(year=np.repeat([2.0, 10.0], 20))), label="year")
    assert dataset.classes == ("2", "10")
    assert dataset.columns == ("mass", "length", "flat")
    part = dataset.training()
    np.testing.assert_array_equal(part.labels, part.values[:][:, 0] > 1000)


def test_the_last_rows_are_held_out_with_tail(tmp_path):
    dataset = table(written(tmp_path / "a.csv"), split="tail", test_share=0.25)
    np.testing.assert_allclose(dataset.test().values[:, 0], ROWS["mass"][30:])
    train, valid = split_indices(dataset, 30)
    assert max(train) < min(valid)


def test_a_folder_with_one_table_is_that_table_and_its_index_is_left_out(tmp_path):
    (tmp_path / "own").mkdir()
    (tmp_path / "own/README.md").touch()
    ROWS.to_csv(tmp_path / "own/rows.csv", sep=";")  # with the index of pandas, which has no name
    dataset = table(tmp_path / "own")
    assert dataset.columns == ("mass", "length", "flat")
    assert "counts the rows" in "\n".join(dataset.remarks())


@pytest.mark.parametrize(
    ("change", "options", "message"),
    [
        ({"mass": [np.nan, *ROWS["mass"][1:]]}, {}, "row 1, column 'mass': nan"),
        ({"length": [*ROWS["length"][:-1], np.inf]}, {}, f"row {N}, column 'length': inf"),
        ({"mass": 1e38}, {}, "row 1, column 'mass': 1e[+]38, and 39 more"),
        ({}, {"columns": ["mas"]}, "no column 'mas', which data.table.columns names: did you mean 'mass'"),
        ({}, {"columns": ["kind"]}, "column 'kind' of data.table.columns is not of numbers: 'cat' in row 1"),
        ({}, {"label": "species"}, "no column 'species', which data.table.label names"),
        ({}, {"label": "length"}, "40 different values in 40 rows: it is no column of classes"),
        ({"kind": [None, *ROWS["kind"][1:]]}, {"label": "kind"}, "row 1, column 'kind' of data.table.label"),
        ({}, {"test_share": 0.95}, "40 rows, of which data.table.test_share = 0.95 leaves 2"),
    ],
)
def test_what_cannot_be_modelled_is_rejected_by_row_and_column(tmp_path, change, options, message):
    dataset = table(written(tmp_path / "a.csv", ROWS.assign(**change)), **options)
    with pytest.raises(VaelineError, match=message):
        store(dataset, tmp_path / "prepared")


@pytest.mark.parametrize(
    ("name", "content", "message"),
    [
        ("a.csv", b"1.5,2\n3,4\n", "first line holds numbers .1.5,2., not the names"),
        ("a.csv", b"", "a.csv: cannot be read"),
        ("a.csv", b"a,b\n1,2,3\n1,2,3,4\n", "a.csv: cannot be read as .csv"),
        ("a.csv", b"a,b\n1,2\n3,4\n", "2 rows, of which"),
        ("a.csv", b"a\nx\ny\n", "no column of numbers .'a': 'x' in row 1"),
        ("a.parquet", b"PAR1", "a.parquet: cannot be read as .parquet"),
        ("a.npy", b"\x93NUMPY", "a.npy: cannot be read as .npy"),
        ("a.xlsx", b"PK", "a.xlsx: no table: the name should end with one of .csv, .parquet, .npy"),
        ("a.missing", None, "no table there: set it to one file"),
    ],
)
def test_a_file_that_is_no_table_is_rejected_in_one_line(tmp_path, name, content, message):
    if content is not None:
        (tmp_path / name).write_bytes(content)
    with pytest.raises(VaelineError, match=message) as error:
        table(tmp_path / name).training()
    assert "\n" not in str(error.value)


def test_an_array_of_other_axes_or_types_is_no_table(tmp_path):
    np.save(tmp_path / "a.npy", np.zeros((4, 2, 2)))
    with pytest.raises(VaelineError, match=r"\[4, 2, 2\] of float64: a table is an array \[N, D\]"):
        table(tmp_path / "a.npy").training()

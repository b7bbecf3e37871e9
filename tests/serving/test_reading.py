"""Rows of files as observations: every kind of file gives the same, and what is wrong is one line."""

import numpy as np
import pandas as pd
import pytest
import torch
from PIL import Image

from tests.support.small import digits, vae
from vaeline.core.errors import VaelineError
from vaeline.core.scaling import Range, Standardised
from vaeline.evaluation.trained import TrainedModel
from vaeline.serving.reading import read_all, read_batches, to_observations

LEVELS = digits(5).numpy()


@pytest.fixture(scope="module")
def model():
    return vae()


@pytest.fixture(scope="module")
def conditional():
    return vae(model={"name": "conditional"})


def written(folder, kind: str):
    """Writes the five digits as a file of that kind."""
    path = folder / f"rows.{kind}"
    table = pd.DataFrame(LEVELS.reshape(5, -1)).rename(columns=str).assign(label=[3, 1, 4, 1, 5])
    match kind:
        case "npy":
            np.save(path, LEVELS)
        case "npz":
            np.savez(path, images=LEVELS, other=np.zeros(2))
        case "csv":
            table.to_csv(path, index=False)
        case "parquet":
            table.to_parquet(path)
        case "folder":
            path.mkdir()
            for i, image in enumerate(LEVELS):
                Image.fromarray(image[0]).save(path / f"{i}.png")
    return path


@pytest.mark.parametrize("kind", ["npy", "npz", "csv", "parquet", "folder"])
def test_every_kind_of_file_gives_the_same_rows(model, tmp_path, kind):
    path = written(tmp_path, kind)
    labels = "label" if kind in ("csv", "parquet") else None
    batches = list(read_batches(model, path, labels, rows=2))
    assert [len(batch.names) for batch in batches] == [2, 2, 1]
    assert np.array_equal(np.concatenate([batch.values for batch in batches]), LEVELS)
    names = [name for batch in batches for name in batch.names]
    assert names == [f"{i}.png" if kind == "folder" else str(i) for i in range(5)]


def test_labels_are_a_column_or_a_file(conditional, tmp_path):
    np.save(tmp_path / "labels.npy", [3, 1, 4, 1, 5])
    pd.DataFrame({"digit": [3, 1, 4, 1, 5]}).to_csv(tmp_path / "labels.csv", index=False)
    for kind, labels in (("csv", "label"), ("npy", "labels.npy"), ("npz", "labels.csv")):
        place = labels if labels == "label" else str(tmp_path / labels)
        assert read_all(conditional, written(tmp_path, kind), place).labels.tolist() == [3, 1, 4, 1, 5]


def test_columns_of_a_table_are_found_by_name(tmp_path):
    scaling = Standardised(mean=[0.0] * 2, std=[1.0] * 2, least=[0.0] * 2, most=[1.0] * 2)
    model = vae((2,), scaling, likelihood={"name": "gaussian"})
    model.columns = ("mass", "length")
    rows = pd.DataFrame({"name": ["Anna", "Otto"], "length": [1.0, np.nan], "mass": [3.0, 4.0]})
    rows[:1].to_csv(tmp_path / "rows.csv", index=False)
    assert read_all(model, tmp_path / "rows.csv").values.tolist() == [[3.0, 1.0]]
    rows.to_parquet(tmp_path / "rows.parquet")
    with pytest.raises(VaelineError, match="row 1 has nan in column 'length': this model takes finite"):
        read_all(model, tmp_path / "rows.parquet")
    rows.drop(columns="mass").to_csv(tmp_path / "rows.csv", index=False)
    with pytest.raises(VaelineError, match="no column 'mass', and this model takes mass, length: the file"):
        read_all(model, tmp_path / "rows.csv")


def test_rows_may_be_flat_lack_their_channel_or_have_it_last(model):
    for array in (LEVELS, LEVELS[:, 0], LEVELS.reshape(5, -1), np.moveaxis(LEVELS, 1, -1)):
        assert np.array_equal(to_observations(model, array), LEVELS)


@pytest.mark.parametrize(
    ("scaling", "wrong", "line"),
    [
        (Range(low=-1, high=3), 3.5, r"row 0 has 3.5 at position 5: this model takes numbers from -1 to 3"),
        (Standardised(mean=[1.0], std=[2.0], least=[0.0], most=[4.0]), np.nan, "takes finite numbers"),
    ],
    ids=["range", "standardised"],
)
def test_values_are_in_the_units_of_the_data_on_both_sides(tmp_path, scaling, wrong, line):
    model = vae(scaling=scaling, likelihood={"name": "gaussian"})
    values = LEVELS.astype(np.float32) / 100
    np.save(tmp_path / "rows.npy", values)
    (batch,) = read_batches(model, tmp_path / "rows.npy")
    assert np.array_equal(batch.values, values)
    assert np.allclose(batch.returned, values, atol=1e-5)
    z = torch.randn(4, model.latent_dim)
    decoded = scaling.original(scaling.bounded(model.decode(z).mean)).detach().numpy()
    assert np.array_equal(TrainedModel(model).decode(z), decoded)
    assert decoded.min() < 0 or decoded.max() > 1
    values[0, 0, 0, 5] = wrong
    with pytest.raises(VaelineError, match=line):
        to_observations(model, values)


def with_value(value: float, dtype=np.float32):
    values = (LEVELS / 255).astype(dtype)
    values[3, 0, 0, 2] = value
    return values


@pytest.mark.parametrize(
    ("array", "line"),
    [
        (LEVELS[:, :, :4], r"rows of shape \[1, 4, 8\], and this model takes \[1, 8, 8\], or 64 values"),
        (with_value(np.nan), r"row 13 has nan at position 2: this model takes floats in \[0, 1\]"),
        (with_value(np.inf), "row 13 has inf at position 2"),
        (with_value(1.5), "row 13 has 1.5 at position 2"),
        (with_value(256, np.int64), "row 13 has 256 at position 2: this model takes levels 0 to 255"),
        (LEVELS.astype(str), "values of <U3: use numbers"),
    ],
    ids=["shape", "nan", "infinity", "float", "level", "text"],
)
def test_what_a_model_cannot_take_is_named_with_its_row(model, array, line):
    with pytest.raises(VaelineError, match=line):
        to_observations(model, array, "rows.npy", first=10)


def test_what_cannot_be_read_is_one_line(model, conditional, tmp_path):
    npy = written(tmp_path, "npy")
    (tmp_path / "damaged.npy").write_bytes(npy.read_bytes()[:100])
    (tmp_path / "damaged.parquet").write_bytes(b"PAR1")
    (tmp_path / "damaged.png").write_bytes(b"\x89PNG")
    (tmp_path / "words.csv").write_text("a,b\n1,two\n")
    (tmp_path / "rows.txt").touch()
    (tmp_path / "empty").mkdir()
    np.save(tmp_path / "four.npy", np.zeros(4, int))
    np.save(tmp_path / "six.npy", np.zeros(6, int))
    np.savez(tmp_path / "two.npz", a=LEVELS, b=LEVELS)
    for name, labels, line in (
        ("missing.npy", None, "no such file or folder"),
        ("damaged.npy", None, "not readable as a NumPy array"),
        ("damaged.parquet", None, "not readable as Parquet"),
        ("damaged.png", None, "not readable as an image"),
        ("words.csv", None, "column 'b' holds 'two'"),
        ("rows.txt", None, "give a folder of images"),
        ("empty", None, "no images in it"),
        ("two.npz", None, "it holds a, b: name the one to read images"),
        ("rows.npy", "no.npy", "--labels no.npy: neither a file nor a column"),
        ("rows.npy", str(tmp_path / "four.npy"), "4 labels for 5 rows"),
        ("rows.npy", str(tmp_path / "six.npy"), "6 labels for 5 rows"),
    ):
        with pytest.raises(VaelineError, match=line) as error:
            read_all(conditional if labels else model, tmp_path / name, labels)
        assert "\n" not in str(error.value)


@pytest.mark.parametrize(("count", "line"), [(4, "4 labels for more than 4"), (6, "6 labels for 5 rows")])
def test_labels_of_a_table_whose_length_is_not_known(conditional, tmp_path, count, line):
    pd.DataFrame(LEVELS.reshape(5, -1)).to_csv(tmp_path / "rows.csv", index=False)
    np.save(tmp_path / "labels.npy", np.zeros(count, int))
    with pytest.raises(VaelineError, match=line):
        read_all(conditional, tmp_path / "rows.csv", str(tmp_path / "labels.npy"))


def test_images_of_another_form_need_an_array(tmp_path):
    path = written(tmp_path, "folder")
    with pytest.raises(VaelineError, match=r"this model takes \[2, 8, 8\]: put them into an .npy file"):
        read_all(vae(event_shape=(2, 8, 8)), path)


def test_transparent_pictures_are_laid_on_the_background_of_the_training_data(tmp_path):
    Image.new("LA", (8, 8), (90, 0)).save(tmp_path / "clear.png")
    levels = {}
    for background in ("black", "white"):
        model = vae()
        model.trained_on = {"background": background}
        levels[background] = np.unique(read_all(model, tmp_path).values).tolist()
    assert levels == {"black": [0], "white": [255]}

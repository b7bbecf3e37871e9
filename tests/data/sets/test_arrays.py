"""Arrays of one's own: whatever the file, the axes and the units, the same images are prepared."""

import json
from collections.abc import Callable, Mapping
from pathlib import Path

import numpy as np
import pytest

from vaeline.core.errors import VaelineError
from vaeline.core.scaling import BYTES, Range, Standardised
from vaeline.data.catalog import DATASETS
from vaeline.data.prepared import Prepared
from vaeline.data.reading import array_files
from vaeline.data.storing import store

SHAPE = (3, 5, 7)
"""Channels, height and width, all different, so that a mixed-up axis is noticed."""
N, TESTED = 40, 12
RNG = np.random.default_rng(0)
LEVELS = RNG.integers(0, 256, (N, *SHAPE), np.uint8)
FLOATS = RNG.uniform(-2, 6, (N, *SHAPE))
LABELS = np.arange(N) % 3

Content = Mapping[str, np.ndarray]


def npy_folder(path: Path, arrays: Content) -> Path:
    path.mkdir()
    for name, array in arrays.items():
        np.save(path / f"{name}.npy", array)
    return path


def npz(path: Path, arrays: Content) -> Path:
    np.savez(path.with_suffix(".npz"), **arrays)
    return path.with_suffix(".npz")


def compressed_npz(path: Path, arrays: Content) -> Path:
    np.savez_compressed(path.with_suffix(".npz"), **arrays)
    return path.with_suffix(".npz")


def hdf5(path: Path, arrays: Content) -> Path:
    import h5py

    with h5py.File(path.with_suffix(".h5"), "w") as file:
        for name, array in arrays.items():
            file.create_dataset(name, data=array, chunks=(7, *array.shape[1:]), compression="gzip")
    return path.with_suffix(".h5")


def zarr(path: Path, arrays: Content) -> Path:
    import zarr

    group = zarr.open_group(path.with_suffix(".zarr"), mode="w")
    for name, array in arrays.items():
        group.create_array(name, data=array, chunks=(7, *array.shape[1:]))
    return path.with_suffix(".zarr")


def parquet(path: Path, arrays: Content) -> Path:
    import pyarrow
    from pyarrow import parquet

    columns = {name: pyarrow.array(array.tolist()) for name, array in arrays.items()}
    parquet.write_table(pyarrow.table(columns), path.with_suffix(".parquet"), row_group_size=9)
    return path.with_suffix(".parquet")


KINDS: dict[str, Callable[[Path, Content], Path]] = {
    f.__name__: f for f in (npy_folder, npz, compressed_npz, hdf5, zarr, parquet)
}


def dataset(path: Path, axes: str | None = "NCHW", **options):
    section = {"name": "arrays", "path": str(path), "arrays": {"axes": axes, **options}}
    return DATASETS.build(section, raw=path.parent / "raw")


def prepared(path: Path, axes: str | None = "NCHW", **options) -> Prepared:
    return store(dataset(path, axes, **options), path.parent / "prepared")


def restored(data: Prepared) -> np.ndarray:
    """Returns the values of all splits in the units of the data, ordered so that they can be compared."""
    splits = [np.array(split.values) for split in (data.train, data.valid, data.test)]
    values = np.concatenate(splits)
    values = data.scaling.original(values.astype(float)) if data.scaling != BYTES else values
    return values[np.lexsort(values.reshape(len(values), -1).T)]


def ordered(values: np.ndarray) -> np.ndarray:
    return values[np.lexsort(values.reshape(len(values), -1).T)]


@pytest.fixture
def pieces_of_a_few_rows(monkeypatch):
    monkeypatch.setattr(array_files, "MAPPED_BYTES", 1000)


@pytest.mark.usefixtures("pieces_of_a_few_rows")
@pytest.mark.parametrize("kind", KINDS)
def test_every_kind_of_file_gives_the_images_their_labels_and_factors(tmp_path, kind):
    levels = LEVELS.astype(np.float32) / 255 if kind == "parquet" else LEVELS  # its lists are of int64
    parts = {"train": slice(TESTED, None), "test": slice(TESTED)}
    factors = np.stack([LABELS, np.arange(N)], 1)
    fields = {"images": levels, "labels": LABELS, "factors": factors}
    whole = kind == "parquet"  # all columns have as many rows
    content = (
        fields if whole else {f"{p}_{f}": a[rows] for p, rows in parts.items() for f, a in fields.items()}
    )
    source = dataset(KINDS[kind](tmp_path / "mine", content))
    rows = [source.test().factors[:, 1], source.training().factors[:, 1]]
    if not whole:
        assert [part.tolist() for part in rows] == [list(range(TESTED)), list(range(TESTED, N))]
    assert sorted(np.concatenate(rows)) == list(range(N))
    for part in (source.training(), source.test()):
        numbers = part.factors[:, 1]
        np.testing.assert_array_equal(part.values[:], levels[numbers])
        assert part.labels.tolist() == LABELS[numbers].tolist()
    assert (source.classes, source.factors) == (("0", "1", "2"), {"factor0": 3, "factor1": N})


@pytest.mark.parametrize(
    ("axes", "array"),
    [("NHW", LEVELS[:, 0]), ("NHWC", LEVELS.transpose(0, 2, 3, 1)), ("NCHW", LEVELS)],
)
def test_axes_are_as_declared(tmp_path, axes, array):
    np.save(tmp_path / "mine.npy", array)
    data = prepared(tmp_path / "mine.npy", axes)
    expected = LEVELS[:, :1] if axes == "NHW" else LEVELS
    assert data.shape == expected.shape[1:]
    np.testing.assert_array_equal(restored(data), ordered(expected))
    assert (data.classes, len(data.test)) == (("all",), 4)


@pytest.mark.parametrize("dtype", [np.float16, np.float32, ">f8"])
def test_floats_are_stored_as_their_place_in_the_declared_range(tmp_path, dtype):
    np.save(tmp_path / "mine.npy", FLOATS.astype(dtype))
    data = prepared(tmp_path / "mine.npy", range=[-2, 6])
    assert data.scaling == Range(low=-2, high=6)
    assert data.train.values.dtype == np.float32
    assert 0 <= data.train.values.min() < data.train.values.max() <= 1
    np.testing.assert_allclose(restored(data), ordered(FLOATS.astype(dtype).astype(float)), atol=1e-6)


def test_channels_are_standardised_by_train_alone(tmp_path):
    np.save(tmp_path / "mine.npy", FLOATS * [[[[1]], [[10]], [[0]]]] + 1000)
    data = prepared(tmp_path / "mine.npy", scale="standardised")
    assert isinstance(data.scaling, Standardised)
    np.testing.assert_allclose(data.train.values.mean((0, 2, 3)), 0, atol=1e-6)
    np.testing.assert_allclose(data.train.values.std((0, 2, 3)), [1, 1, 0], atol=1e-6)  # the last is constant
    train = data.scaling.original(data.train.values.astype(float)).swapaxes(0, 1).reshape(3, -1)
    np.testing.assert_allclose(data.scaling.mean, train.mean(1), rtol=1e-9)
    np.testing.assert_allclose(data.scaling.most, train.max(1), rtol=1e-6)
    assert abs(data.test.values[:, :2].mean()) > 1e-3  # the statistics are not those of all


def test_labels_may_be_text(tmp_path):
    animals = np.array(["dog", "cat", "eel"])[LABELS]
    path = npz(tmp_path / "mine", {"images": LEVELS, "labels": animals})
    source = dataset(path)
    assert source.classes == ("cat", "dog", "eel")
    by_image = {image.tobytes(): label for image, label in zip(LEVELS, animals, strict=True)}
    part = source.test()
    assert [source.classes[label] for label in part.labels] == [by_image[i.tobytes()] for i in part.values[:]]


def test_arrays_that_nothing_names_are_remarked(tmp_path):
    path = npz(tmp_path / "mine", {"images": LEVELS, "masks": LEVELS, "weights": LABELS})
    assert dataset(path).remarks() == ["left out, arrays that no option of data.arrays names: masks, weights"]


def with_value(value: float) -> np.ndarray:
    array = FLOATS.copy()
    array[17, 2, 3, 4] = value
    return array


@pytest.mark.parametrize(
    ("content", "options", "words"),
    [
        ({"images": LEVELS}, {"axes": None}, r"axes is not declared, .*images .* \[40, 3, 5, 7\]: .*=NHWC`"),
        ({"images": LEVELS[:, 0]}, {}, r"shape \[40, 5, 7\], which is not NCHW .*data.arrays.axes=NHW`$"),
        ({"images": LEVELS[0, 0]}, {}, r"which have to be \[N, H, W\]"),
        ({"images": LEVELS.astype(np.int32)}, {}, "images is int32: save it as uint8"),
        ({"images": with_value(np.nan)}, {"range": [-2, 6]}, r"images\[17, 2, 3, 4\] = nan: only finite"),
        ({"images": with_value(np.inf)}, {"scale": "standardised"}, r"images\[17, 2, 3, 4\] = inf"),
        ({"images": with_value(6.5)}, {"range": [-2, 6]}, r"\[17, 2, 3, 4\] = 6.5 is outside .* = \[-2, 6\]"),
        ({"images": LEVELS, "labels": LABELS[:-1]}, {}, "labels has 39 rows for 40 images"),
        ({"images": LEVELS, "labels": LABELS * 0.5}, {}, "is float64: save whole numbers or text"),
        ({"images": LEVELS, "factors": LABELS}, {}, r"factors has the shape \[40\]"),
        ({"scans": LEVELS, "masks": LEVELS}, {}, "has no 'images', nor .* but masks, scans: say which"),
        ({"images": LEVELS}, {"labels": "digit"}, "has no 'digit', but images: add it, or set data.arr"),
        ({"train_images": LEVELS, "test_images": LEVELS[:, :1]}, {}, "differ: save both in one shape"),
        (
            {"train_images": LEVELS, "test_images": LEVELS, "train_labels": LABELS},
            {},
            "has no 'test_labels', but test_images, train_images, train_labels",
        ),
    ],
)  # fmt: skip
def test_arrays_that_cannot_be_used_are_a_one_line_error(tmp_path, content, options, words):
    path = npz(tmp_path / "mine", content)
    with pytest.raises(VaelineError, match=words) as caught:
        prepared(path, **options)
    assert "\n" not in str(caught.value)


@pytest.mark.parametrize("ending", [".npy", ".npz", ".h5", ".zarr", ".parquet", ".csv", ".npy.missing"])
def test_a_file_that_is_something_else_is_a_one_line_error(tmp_path, ending):
    path = tmp_path / f"mine{ending}"
    if ending == ".zarr":
        path.mkdir()
    elif "missing" not in ending:
        path.write_text("no array")
    with pytest.raises(VaelineError, match=str(path)) as caught:
        dataset(path).training()
    assert "\n" not in str(caught.value)


def test_pickled_objects_are_not_loaded(tmp_path):
    np.save(tmp_path / "mine.npy", np.array([object(), 1], dtype=object))
    with pytest.raises(VaelineError, match="not an array that NumPy saved"):
        dataset(tmp_path / "mine.npy").training()


@pytest.mark.parametrize("value", [[1, 0], [0], [0, 1, 2], ["0", "1"], 1])
def test_a_range_that_is_none_is_rejected_by_name(tmp_path, value):
    with pytest.raises(VaelineError, match=r"data\.arrays\.range(\.0)? = .* is not allowed"):
        dataset(tmp_path, range=value)


def test_the_description_holds_what_restores_the_units(tmp_path):
    np.save(tmp_path / "mine.npy", FLOATS)
    data = prepared(tmp_path / "mine.npy", range=[-2, 6])
    written = json.loads((tmp_path / "prepared" / "description.json").read_text())
    assert written["values"] == {"kind": "range", "low": -2.0, "high": 6.0}
    assert Prepared.open(tmp_path / "prepared").scaling == data.scaling

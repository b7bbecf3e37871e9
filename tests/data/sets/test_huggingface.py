"""Sets in the forms of Hugging Face's `datasets`: whatever the form, the same images are read."""

import sys
from types import SimpleNamespace

import datasets
import numpy as np
import pytest
from huggingface_hub import HfApi, errors

from tests.support.published import image_files
from vaeline.core.errors import VaelineError
from vaeline.core.scaling import Range
from vaeline.data.catalog import DATASETS
from vaeline.data.reading import set_splits
from vaeline.data.storing import store

N = 30
COMMIT = "0123456789abcdef0123456789abcdef01234567"
LEVELS = np.random.default_rng(0).integers(0, 256, (N, 4, 5), np.uint8)
NAMES = ("cat", "dog")


@pytest.fixture(autouse=True)
def offline(monkeypatch, tmp_path):
    """Nothing is read from the network, nor kept outside of the test's folder."""
    monkeypatch.setattr(datasets.config, "HF_DATASETS_CACHE", tmp_path / "cache")
    monkeypatch.setattr("huggingface_hub.constants.HF_HUB_OFFLINE", True)


@pytest.fixture(autouse=True)
def batches_of_a_few_rows(monkeypatch):
    monkeypatch.setattr(set_splits, "STREAMED_ROWS", 7)


def rows(folder, count=N, seed=0):
    """Pictures of 12 pixels with labels, and the arrays `LEVELS`; returns the set and the pictures."""
    names = [f"{NAMES[i % 2]}/{i:02}.png" for i in range(count)]
    images = image_files(folder, names, seed=seed)
    columns = {
        "image": [(folder / name).read_bytes() for name in names],
        "label": [i % 2 for i in range(count)],
        "levels": LEVELS[:count],
        "note": ["text"] * count,
    }
    features = {
        "image": datasets.Image(),
        "label": datasets.ClassLabel(names=list(NAMES)),
        "levels": datasets.Array2D(LEVELS.shape[1:], "uint8"),
        "note": datasets.Value("string"),
    }
    return datasets.Dataset.from_dict(columns, datasets.Features(features)), images


def saved(path, made):
    made.save_to_disk(path)


def parquet(path, made):
    path.mkdir()
    made.to_parquet(path / "train.parquet")


def folder_of_images(path, made):
    (path.parent / "pictures").rename(path)


def dataset(tmp_path, **options):
    section = {
        "name": "huggingface",
        "path": str(tmp_path / "mine"),
        "huggingface": {"side": 12} | options,
    }
    return DATASETS.build(section, raw=tmp_path / "raw")


def contents(*parts):
    return sorted(image.tobytes() for part in parts for image in part.values[:])


@pytest.mark.parametrize("form", [saved, parquet, folder_of_images])
def test_every_form_gives_each_picture_once_with_its_label(tmp_path, form):
    made, images = rows(tmp_path / "pictures")
    form(tmp_path / "mine", made)
    read = dataset(tmp_path)
    assert (len(read.training().values), len(read.test().values)) == (27, 3)
    assert read.classes == NAMES
    label = {image.tobytes(): i % 2 for i, image in enumerate(images)}
    assert contents(read.training(), read.test()) == sorted(label)
    for part in (read.training(), read.test()):
        assert part.labels.tolist() == [label[image.tobytes()] for image in part.values[:]]


def test_splits_of_usual_names_are_the_prepared_ones(tmp_path):
    made = {
        name: rows(tmp_path / name, count, seed)
        for seed, (name, count) in enumerate([("train", 9), ("validation", 5), ("test", 4), ("extra", 3)])
    }
    saved(tmp_path / "mine", datasets.DatasetDict({name: part for name, (part, _) in made.items()}))
    read = dataset(tmp_path)
    prepared = store(read, tmp_path / "prepared")
    for split, name in ((prepared.train, "train"), (prepared.valid, "validation"), (prepared.test, "test")):
        assert contents(split) == sorted(image.tobytes() for image in made[name][1])
    assert prepared.description["remarks"] == ["splits: train is train, valid is validation, test is test"]
    assert contents(dataset(tmp_path, test_split="extra").test()) == sorted(
        image.tobytes() for image in made["extra"][1]
    )


def test_without_a_test_split_none_of_its_share_is_in_training(tmp_path):
    training, images = rows(tmp_path / "train", 20)
    validation, held_out = rows(tmp_path / "val", 5, seed=1)
    saved(tmp_path / "mine", datasets.DatasetDict({"train": training, "val": validation}))
    read = dataset(tmp_path, test_share=0.2)
    prepared = store(read, tmp_path / "prepared")
    assert (len(prepared.train), len(prepared.valid), len(prepared.test)) == (16, 5, 4)
    assert contents(prepared.train, prepared.test) == sorted(image.tobytes() for image in images)
    assert contents(prepared.valid) == sorted(image.tobytes() for image in held_out)


@pytest.mark.parametrize("form", [saved, parquet])
def test_arrays_are_read_as_declared(tmp_path, form):
    made, _ = rows(tmp_path / "pictures")
    form(tmp_path / "mine", made)
    read = dataset(tmp_path, image="levels", axes="NHW")
    assert read.training().values.shape == (27, 1, 4, 5)
    assert contents(read.training(), read.test()) == sorted(image.tobytes() for image in LEVELS)


def test_lists_of_floats_are_stored_in_their_range(tmp_path):
    made = datasets.Dataset.from_dict({"image": (LEVELS / 255 * 4 - 2).tolist()})
    saved(tmp_path / "mine", made)
    prepared = store(dataset(tmp_path, axes="NHW", range=[-2, 2]), tmp_path / "prepared")
    assert (prepared.scaling, prepared.classes) == (Range(low=-2, high=2), ("image",))
    values = np.concatenate([split.values for split in prepared.splits.values()])
    np.testing.assert_allclose(np.sort(values.ravel()), np.sort(LEVELS.ravel()) / 255, atol=1e-6)


def test_bytes_and_labels_of_text_need_no_declared_features(tmp_path):
    _, images = rows(tmp_path / "pictures")
    plain = datasets.Dataset.from_dict(
        {
            "picture": [(tmp_path / f"pictures/{NAMES[i % 2]}/{i:02}.png").read_bytes() for i in range(N)],
            "kind": [("zebra", "ant")[i % 2] for i in range(N)],
        }
    )
    saved(tmp_path / "mine", plain)
    read = dataset(tmp_path, image="picture", label="kind")
    assert read.classes == ("ant", "zebra")
    label = {image.tobytes(): 1 - i % 2 for i, image in enumerate(images)}
    assert read.training().labels.tolist() == [label[image.tobytes()] for image in read.training().values[:]]
    assert len(set(label)) == N


def test_a_set_of_the_hub_is_read_at_the_commit_that_is_recorded(tmp_path, monkeypatch):
    made, images = rows(tmp_path / "pictures")
    asked = []

    def info(_, name, revision, timeout):
        asked.append((name, revision))
        return SimpleNamespace(id=f"owner/{name}", sha=COMMIT)

    def load(path, **options):
        asked.append((path, options))
        splits = {"train": made.to_iterable_dataset()}
        return SimpleNamespace(config=None, as_streaming_dataset=lambda: splits)

    monkeypatch.setattr(HfApi, "dataset_info", info)
    monkeypatch.setattr(datasets, "load_dataset_builder", load)
    prepared = store(dataset(tmp_path, name="pets", revision="v1", config="small"), tmp_path / "prepared")
    assert asked == [
        ("pets", "v1"),
        ("owner/pets", {"name": "small", "revision": COMMIT}),
    ]
    assert f"data set of the hub: owner/pets, revision v1, commit {COMMIT}" in prepared.description["remarks"]
    assert contents(*prepared.splits.values()) == sorted(image.tobytes() for image in images)


RESPONSE = SimpleNamespace(headers={}, request=None)


@pytest.mark.parametrize(
    ("error", "words"),
    [
        (
            errors.RepositoryNotFoundError("404", response=RESPONSE),
            "the hub has no such data set, or it is",
        ),
        (errors.GatedRepoError("403", response=RESPONSE), "ask for access on its page"),
        (errors.RevisionNotFoundError("404", response=RESPONSE), "no revision 'v9': name a commit, tag or"),
        (
            TimeoutError("timed out"),
            r"cannot be reached \(TimeoutError: timed out\): a local one is read with",
        ),
    ],
)
def test_what_the_hub_has_not_is_one_line(tmp_path, monkeypatch, error, words):
    def info(*_, **__):
        raise error

    monkeypatch.setattr(HfApi, "dataset_info", info)
    with pytest.raises(VaelineError, match=rf"^data.huggingface.name = 'a/b': [^\n]*{words}[^\n]*$"):
        dataset(tmp_path, name="a/b", revision="v9").training()


def test_without_a_network_a_local_set_is_offered(tmp_path):
    with pytest.raises(VaelineError, match=r"cannot be reached .*-S data.path=PATH`$"):
        dataset(tmp_path, name="a/b").training()


@pytest.mark.parametrize(
    ("options", "words"),
    [
        ({"image": "img"}, "no column 'img', but image, label, levels, note: .*huggingface.image=NAME`"),
        ({"label": "kind"}, "no column 'kind', but image, label, levels, note: .*huggingface.label=NAME`"),
        ({"image": "note"}, "'note' holds string, and neither pictures nor arrays of numbers"),
        ({"image": "levels"}, "axes is not declared, and .* `dvc exp run -S data.huggingface.axes=NHW`"),
        ({"image": "levels", "axes": "NCHW"}, "not NCHW .*-S data.huggingface.axes=NHW`"),
        ({"test_split": "held"}, "no split 'held', but train: .*-S data.huggingface.test_split=NAME`"),
    ],
)
def test_a_choice_that_the_set_has_not_is_one_line(tmp_path, options, words):
    saved(tmp_path / "mine", datasets.DatasetDict({"train": rows(tmp_path / "pictures")[0]}))
    with pytest.raises(VaelineError, match=rf"^[^\n]*{words}[^\n]*$"):
        dataset(tmp_path, **options).training()


def broken(made):
    return made.map(
        lambda row, i: {
            "image": {"bytes": b"no picture" if i == 17 else row["image"]["bytes"], "path": None}
        },
        with_indices=True,
    )


def relabelled(made, label):
    return made.map(lambda row, i: {"label": label if i == 9 else 0}, with_indices=True)


@pytest.mark.parametrize(
    ("changed", "words"),
    [
        (broken, r"train row 17 is not readable as a picture \(it is no image that Pillow reads\): leave"),
        (lambda made: relabelled(made, None), "from row 7: label: 1 values are missing"),
        (lambda made: relabelled(made, -1), r"row 9: label = -1, .*-S \"data.huggingface.label=''\"`"),
    ],
)
def test_rows_that_cannot_be_used_are_named(tmp_path, changed, words):
    made, _ = rows(tmp_path / "pictures")
    encoded = made.cast_column("image", datasets.Image(decode=False))
    saved(tmp_path / "mine", datasets.DatasetDict({"train": changed(encoded)}))
    with pytest.raises(VaelineError, match=rf"^[^\n]*{words}[^\n]*$"):
        dataset(tmp_path).training()


def test_a_split_without_rows_is_named(tmp_path):
    parquet(tmp_path / "mine", rows(tmp_path / "pictures")[0].select([]))
    with pytest.raises(VaelineError, match="train: no rows in it: add some, or name another split"):
        dataset(tmp_path).training()


@pytest.mark.parametrize(
    ("test", "words"),
    [
        ({"image": LEVELS.tolist(), "label": [0] * N}, "test has other kinds of columns than train"),
        ({"picture": [b""]}, "test has no column 'image', but picture"),
    ],
)
def test_splits_of_different_kinds_are_rejected(tmp_path, test, words):
    splits = {"train": rows(tmp_path / "pictures")[0], "test": datasets.Dataset.from_dict(test)}
    saved(tmp_path / "mine", datasets.DatasetDict(splits))
    with pytest.raises(VaelineError, match=words):
        dataset(tmp_path).training()


def test_lists_of_different_lengths_are_named(tmp_path):
    images = [np.zeros((4, 5 + (i > 13))).tolist() for i in range(N)]
    saved(tmp_path / "mine", datasets.Dataset.from_dict({"image": images}))
    with pytest.raises(VaelineError, match=r"train: image: rows of \[4, 5\] float64 and \[4, 6\] float64"):
        dataset(tmp_path, axes="NHW").training()


def test_a_folder_without_a_set_is_one_line(tmp_path):
    with pytest.raises(VaelineError, match=r"mine': there is no such folder: set it .*name=OWNER/SET`$"):
        dataset(tmp_path).training()
    (tmp_path / "mine").mkdir()
    with pytest.raises(VaelineError, match=r"mine': no data set can be loaded \(EmptyDatasetError"):
        dataset(tmp_path).training()


def test_the_missing_package_is_named(tmp_path, monkeypatch):
    monkeypatch.setitem(sys.modules, "datasets", None)
    (tmp_path / "mine").mkdir()
    with pytest.raises(VaelineError, match=r"'datasets' is missing: `pip install 'vaeline\[huggingface\]'`"):
        dataset(tmp_path).training()

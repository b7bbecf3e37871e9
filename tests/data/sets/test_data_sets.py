"""Contract of every row of DATASETS; a new row is tested without further work."""

import numpy as np
import pytest

from tests.support.archives import PLACED
from tests.support.published import compressed, idx_files, image_files, md5, sha256
from vaeline.core.errors import VaelineError
from vaeline.data.catalog import DATASETS
from vaeline.data.reading.idx import IdxSet
from vaeline.data.split import split_indices
from vaeline.data.storing import store

IDX_SETS = [name for name in DATASETS if issubclass(DATASETS[name], IdxSet)]


@pytest.fixture(params=list(DATASETS))
def dataset(request, tmp_path, monkeypatch):
    """Each data set, with small files in data/raw in place of those that would be downloaded."""
    part = DATASETS[request.param]
    if issubclass(part, IdxSet):
        contents, _ = idx_files()
        folder = tmp_path / "raw" / part.mirrors.dataset / "raw"
        folder.mkdir(parents=True)
        for name, content in contents.items():
            (folder / name).write_bytes(content)
        monkeypatch.setattr(part, "digests", lambda _: {name: sha256(c) for name, c in contents.items()})
    if request.param in PLACED:
        PLACED[request.param](tmp_path / "raw", monkeypatch)
    section = {"name": request.param, "train_size": 20, "valid_size": 6}
    if request.param == "image_folder":
        image_files(tmp_path / "mine", [f"{'ab'[i % 2]}/{i}.png" for i in range(40)])
        section |= {"path": str(tmp_path / "mine"), "image_folder": {"side": 12}}
    if request.param == "table":
        np.save(tmp_path / "rows.npy", np.random.default_rng(0).normal(size=(40, 3)))
        section |= {"path": str(tmp_path / "rows.npy")}
    if request.param == "arrays":
        np.save(tmp_path / "mine.npy", np.random.default_rng(0).integers(0, 256, (40, 9, 12), np.uint8))
        section |= {"path": str(tmp_path / "mine.npy"), "arrays": {"axes": "NHW"}}
    if request.param == "huggingface":
        levels = np.random.default_rng(0).integers(0, 256, (40, 9, 12), np.uint8)
        saved_set(tmp_path / "mine", levels)
        section |= {"path": str(tmp_path / "mine"), "huggingface": {"axes": "NHW"}}
    return DATASETS.build(section, raw=tmp_path / "raw")


def saved_set(path, levels):
    import datasets

    features = datasets.Features({"image": datasets.Array2D(levels.shape[1:], "uint8")})
    datasets.Dataset.from_dict({"image": levels}, features).save_to_disk(path)


def test_examples_have_the_documented_types_and_shapes(dataset):
    for images, labels, factors in (dataset.training(), dataset.test()):
        assert (images.dtype, len(images.shape)) == ((np.float64, 2) if dataset.columns else (np.uint8, 4))
        assert labels.dtype == np.int64
        assert labels.shape == images.shape[:1]
        assert labels.min() >= 0
        assert labels.max() < len(dataset.classes)
        assert (factors is None) == (not dataset.factors)
        if factors is not None:
            assert factors.dtype == np.int64
            assert factors.shape == (len(images), len(dataset.factors))
            assert (factors.min(0) == 0).all()
            assert (factors.max(0) == np.array(list(dataset.factors.values())) - 1).all()


def test_prepared_data_are_the_split_data_unchanged(dataset, tmp_path):
    prepared = store(dataset, tmp_path / "prepared")
    training = dataset.training()
    train, valid = split_indices(dataset, len(training.values))

    for stored, source, indices in (
        (prepared.train, training, train),
        (prepared.valid, training, valid),
        (prepared.test, dataset.test(), slice(None)),
    ):
        np.testing.assert_array_equal(stored.values, prepared.scaling.stored(source.values[indices]))
        np.testing.assert_array_equal(stored.labels, source.labels[indices])
        assert (stored.factors is None) == (source.factors is None)
        if source.factors is not None:
            np.testing.assert_array_equal(stored.factors, source.factors[indices])
    assert (len(prepared.train), len(prepared.valid)) == (20, 6)
    assert prepared.name == dataset.name
    assert prepared.classes == dataset.classes
    assert list(prepared.factors.items()) == list(dataset.factors.items())  # in the order of the columns


@pytest.mark.parametrize("name", list(DATASETS))
def test_rows_have_the_names_of_their_data_sets(name):
    assert DATASETS[name].name == name


def test_mnist_is_the_default():
    assert DATASETS.parse({}).name == "mnist"


@pytest.mark.parametrize("name", IDX_SETS)
def test_idx_sets_agree_with_torchvision(name):
    from torchvision import datasets

    part = DATASETS[name]
    theirs = getattr(datasets, part.mirrors.dataset)
    assert part.classes == tuple(c.split(" - ")[0] for c in theirs.classes)  # theirs: "0 - zero"
    ours = part(DATASETS.parse({"name": name}), raw=None).digests()
    assert [n.removesuffix(".gz") for n in ours] == [n.removesuffix(".gz") for n, _ in theirs.resources]


def test_idx_sets_without_sha256_are_verified_by_the_md5_that_torchvision_lists(tmp_path, monkeypatch):
    from torchvision import datasets

    contents, arrays = idx_files()
    files = {f"{name}.gz": compressed(content) for name, content in contents.items()}
    digests = [(name, md5(content).removeprefix("md5:")) for name, content in files.items()]
    monkeypatch.setattr(datasets.KMNIST, "resources", digests)
    monkeypatch.setattr(datasets.KMNIST, "mirrors", [])
    folder = tmp_path / "KMNIST" / "raw"
    folder.mkdir(parents=True)
    for name, content in files.items():
        (folder / name).write_bytes(content)

    images = DATASETS.build({"name": "kmnist"}, raw=tmp_path).training().values
    np.testing.assert_array_equal(images[:, 0], arrays["train-images-idx3-ubyte"])

    damaged = folder / "t10k-labels-idx1-ubyte.gz"
    damaged.write_bytes(compressed(b"something else"))
    with pytest.raises(VaelineError, match=rf"{damaged}: damaged .*`rm .*` and put"):
        DATASETS.build({"name": "kmnist"}, raw=tmp_path).training()

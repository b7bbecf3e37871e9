import hashlib
import io

import numpy as np
import pytest
from PIL import Image

from tests.support.published import Numbered
from vaeline.core.errors import VaelineError
from vaeline.data import storing
from vaeline.data.catalog import DATASETS
from vaeline.data.prepared import Prepared
from vaeline.data.reading.dataset import DataOptions, Examples
from vaeline.data.storing import prepared_summary, store
from vaeline.evaluation.fid.images import sample_size


def numbered(**options):
    return Numbered(DataOptions(**options), raw=None)


def files(folder):
    return {path.name: path.read_bytes() for path in folder.iterdir()}


def test_images_keep_their_labels_and_no_image_is_in_two_splits(tmp_path):
    prepared = store(numbered(), tmp_path)
    for split in (prepared.train, prepared.valid, prepared.test):
        assert (split.values == split.labels[:, None, None, None]).all()
    train, valid, test = (set(split.labels) for split in (prepared.train, prepared.valid, prepared.test))
    assert (len(train), len(valid)) == (60, 30)
    assert not train & valid
    assert train | valid <= set(range(100))
    assert prepared.test.labels.tolist() == list(range(200, 220))
    assert test == set(range(200, 220))


@pytest.mark.parametrize("chunk", [1, 7, 60, 1000])
def test_files_are_those_that_numpy_saves_for_any_chunk_size(tmp_path, monkeypatch, chunk):
    monkeypatch.setattr(storing, "STORE_CHUNK", chunk)
    prepared = store(numbered(), tmp_path)
    saved = io.BytesIO()
    np.save(saved, np.array(prepared.train.values))
    assert (tmp_path / "train_values.npy").read_bytes() == saved.getvalue()
    assert prepared.hashes["train_values.npy"] == hashlib.sha256(saved.getvalue()).hexdigest()


def test_equal_options_store_equal_bytes_and_another_seed_changes_the_split_only(tmp_path):
    first, again, reseeded = (tmp_path / name for name in "abc")
    store(numbered(), first)
    store(numbered(), again)
    store(numbered(split_seed=1), reseeded)
    assert files(first) == files(again)
    same = {name for name, content in files(reseeded).items() if content == files(first)[name]}
    assert same == {"test_values.npy", "test_labels.npy"}


class LimitedSource:
    """Images that are made when indexed, never more than `most` at a time."""

    dtype = np.dtype(np.uint8)

    def __init__(self, count, most, breaks=False):
        self.shape = (count, 1, 2, 2)
        self.most = most
        self.breaks = breaks

    def __len__(self):
        return self.shape[0]

    def __getitem__(self, indices):
        assert len(indices) <= self.most
        if self.breaks:
            raise OSError("the disk is full")
        return np.zeros((len(indices), 1, 2, 2), np.uint8)


class Streamed(Numbered):
    breaks = False

    def training(self):
        return Examples(LimitedSource(100, 16), np.arange(100))

    def test(self):
        return Examples(LimitedSource(50, 16, self.breaks), np.arange(50))


def test_no_more_than_a_chunk_is_read_at_a_time(tmp_path, monkeypatch):
    monkeypatch.setattr(storing, "STORE_CHUNK", 16)
    prepared = store(Streamed(DataOptions(), raw=None), tmp_path)
    assert prepared.train.values.shape == (60, 1, 2, 2)


def test_a_failure_half_way_leaves_the_earlier_files(tmp_path, monkeypatch):
    monkeypatch.setattr(storing, "STORE_CHUNK", 16)
    store(numbered(), tmp_path)
    before = files(tmp_path)
    broken = Streamed(DataOptions(), raw=None)
    broken.breaks = True
    with pytest.raises(OSError, match="the disk is full"):
        store(broken, tmp_path)
    assert files(tmp_path) == before


def test_nothing_is_written_for_sizes_that_do_not_fit(tmp_path):
    with pytest.raises(VaelineError, match="numbered has 100 training examples"):
        store(numbered(train_size=99), tmp_path / "prepared")
    assert not (tmp_path / "prepared").exists()


def test_the_summary_has_sizes_hashes_and_the_mean_pixel(tmp_path):
    prepared = store(numbered(), tmp_path)
    values = prepared_summary(prepared)
    hashes = {values.pop(f"{name}_sha256") for name in ("train", "valid", "test")}
    assert hashes == {hashlib.sha256(path.read_bytes()).hexdigest() for path in tmp_path.glob("*_values.npy")}
    assert values.pop("mean_pixel") == pytest.approx(np.mean(prepared.train.labels) / 255, rel=1e-12)
    assert values == {
        "data": "numbered",
        "train_size": 60,
        "valid_size": 30,
        "test_size": 20,
        "classes": 2,
        "channels": 2,
        "height": 3,
        "width": 4,
    }


def test_the_returned_data_set_is_the_one_that_is_opened_later(tmp_path):
    assert store(numbered(), tmp_path).description == Prepared.open(tmp_path).description


class NumberedWithFactors(Numbered):
    @property
    def factors(self):
        return {"tens": 10, "ones": 10}

    def training(self):
        numbers = np.arange(100)
        return super().training()._replace(factors=np.stack([numbers // 10, numbers % 10], 1))

    def test(self):
        return super().test()._replace(factors=np.zeros((20, 2), np.int64))


def test_factors_are_stored_with_the_images_and_have_names(tmp_path):
    prepared = store(NumberedWithFactors(DataOptions(), raw=None), tmp_path / "prepared")
    assert list(prepared.factors) == ["tens", "ones"]  # in the order of the columns
    for split in (prepared.train, prepared.valid):
        assert (split.factors @ [10, 1] == split.labels).all()
    assert prepared.hashes["test_factors.npy"]
    prepared.verify()


def test_nothing_about_factors_is_stored_for_a_data_set_without_them(tmp_path):
    prepared = store(numbered(), tmp_path)
    assert prepared.factors == {}
    assert prepared.valid.factors is None
    assert "factors" not in prepared.description
    assert not list(tmp_path.glob("*_factors.npy"))


@pytest.mark.parametrize("count", [1, 2])
def test_test_set_too_small_to_evaluate_is_rejected_and_nothing_is_written(tmp_path, count):
    dataset = numbered()
    few = Examples(*(None if part is None else part[:count] for part in dataset.test()))
    dataset.test = lambda: few
    with pytest.raises(VaelineError, match=f"^numbered has {count} test examples, and at least 3 are needed"):
        store(dataset, tmp_path)
    assert list(tmp_path.iterdir()) == []


@pytest.mark.parametrize("count", [8, 10, 25])
def test_smallest_folder_of_images_has_what_each_later_stage_needs(tmp_path, count):
    pictures = tmp_path / "data" / "few"
    pictures.mkdir(parents=True)
    for i in range(count):
        Image.fromarray(np.full((9, 9, 3), 7 * i, np.uint8)).save(pictures / f"{i:02}.png")
    options = {"name": "image_folder", "path": str(pictures), "image_folder": {"background": "black"}}
    prepared = store(DATASETS.build(options, raw=tmp_path / "data" / "raw"), tmp_path / "prepared")
    assert sample_size(2048, len(prepared.test), len(prepared.valid)) >= 3
    assert len(prepared.train) >= 2
    assert len(prepared.train) + len(prepared.valid) + len(prepared.test) == count
    hashed = prepared.hashes["train_values.npy"]
    assert prepared.identity == {"name": "image_folder", "train_sha256": hashed, "background": "black"}


class WithCopies(Numbered):
    """The first test image is the fourth training image, and every image is of one value."""

    def training(self):
        examples = super().training()
        return examples._replace(labels=examples.labels % 2)

    def test(self):
        examples = super().test()
        values = examples.values.copy()
        values[0] = super().training().values[3]
        return examples._replace(values=values, labels=examples.labels % 2)

    def remarks(self):
        return ["a remark"]


def test_the_description_says_what_is_in_the_data(tmp_path):
    prepared = store(WithCopies(DataOptions(train_size=70), raw=None), tmp_path)
    counts = {name: sum(of_class) for name, of_class in prepared.description["counts"].items()}
    assert counts == {"train": 70, "valid": 30, "test": 20}
    owner = "train" if 3 in prepared.train.values else "valid"
    assert prepared.description["remarks"] == [
        "a remark",
        f"images of test that are copies of images of {owner}: 1 (test row 0 = training row 3)",
        "images of one value everywhere: 70 in train, 30 in valid, 20 in test",
    ]

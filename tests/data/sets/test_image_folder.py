import subprocess
import sys

import numpy as np
import pytest

from tests.support.published import image_files
from vaeline.core.errors import VaelineError
from vaeline.data import storing
from vaeline.data.catalog import DATASETS
from vaeline.data.storing import store

FLAT = [f"{i:03}.png" for i in range(40)]


def mine(tmp_path, path="mine", **options):
    section = {
        "name": "image_folder",
        "path": str(tmp_path / path),
        "image_folder": {"side": 12} | options,
    }
    return DATASETS.build(section, raw=tmp_path / "data" / "raw")


def contents(*parts):
    return sorted(image.tobytes() for part in parts for image in part.values[:])


def test_a_flat_folder_is_one_class_and_every_image_is_in_exactly_one_set(tmp_path):
    images = image_files(tmp_path / "mine", FLAT)
    dataset = mine(tmp_path, test_share=0.25)
    assert (len(dataset.training().values), len(dataset.test().values)) == (30, 10)
    assert contents(dataset.training(), dataset.test()) == sorted(image.tobytes() for image in images)
    assert dataset.classes == ("image",)
    assert not dataset.training().labels.any()


def test_folders_are_classes_including_deeper_folders(tmp_path):
    names = [f"{'dog/old' if i % 2 else 'cat'}/{i:02}.png" for i in range(40)]
    images = image_files(tmp_path / "mine", names)
    dataset = mine(tmp_path)
    assert dataset.classes == ("cat", "dog")
    label = {image.tobytes(): i % 2 for i, image in enumerate(images)}
    for part in (dataset.training(), dataset.test()):
        assert part.labels.tolist() == [label[image.tobytes()] for image in part.values[:]]


def test_train_and_test_folders_are_the_two_sets(tmp_path):
    training = image_files(tmp_path / "mine", [f"train/{'ab'[i % 2]}/{i:02}.png" for i in range(20)])
    test = image_files(tmp_path / "mine", [f"test/{'bc'[i % 2]}/{i:02}.png" for i in range(6)], seed=1)
    dataset = mine(tmp_path)
    assert dataset.classes == ("a", "b", "c")
    np.testing.assert_array_equal(
        dataset.training().values[:], np.concatenate([training[::2], training[1::2]])
    )
    np.testing.assert_array_equal(dataset.test().values[:], np.concatenate([test[::2], test[1::2]]))
    assert dataset.training().labels.tolist() == [0] * 10 + [1] * 10
    assert dataset.test().labels.tolist() == [1] * 3 + [2] * 3


def test_a_folder_of_validation_images_is_the_validation_split(tmp_path):
    training = image_files(tmp_path / "mine", [f"train/{'ab'[i % 2]}/{i:02}.png" for i in range(20)])
    valid = image_files(tmp_path / "mine", [f"val/{'ab'[i % 2]}/{i:02}.png" for i in range(6)], seed=1)
    test = image_files(tmp_path / "mine", [f"test/{'ab'[i % 2]}/{i:02}.png" for i in range(4)], seed=2)
    (tmp_path / "mine/val/a/00.png").write_bytes(b"")
    prepared = store(mine(tmp_path, max_broken=0.5), tmp_path / "prepared")
    for split, images in ((prepared.train, training), (prepared.valid, valid[1:]), (prepared.test, test)):
        assert contents(split) == sorted(image.tobytes() for image in images)
        assert split.labels.sum() == len(images) // 2 + (len(images) % 2)


@pytest.mark.parametrize("split", ["random", "tail"])
def test_sizes_within_a_validation_folder_are_nested_and_never_mixed(tmp_path, split):
    image_files(tmp_path / "mine", [f"train/{i:02}.png" for i in range(20)])
    valid = image_files(tmp_path / "mine", [f"val/{i:02}.png" for i in range(6)], seed=1)
    section = {"name": "image_folder", "path": str(tmp_path / "mine"), "image_folder": {"side": 12}}
    chosen = []
    for size in (3, 4, 6):
        values = section | {"split": split, "valid_size": size}
        prepared = store(DATASETS.build(values, raw=tmp_path / "data/raw"), tmp_path / "prepared")
        chosen.append(set(contents(prepared.valid)))
    assert chosen[0] < chosen[1] < chosen[2] == {image.tobytes() for image in valid}
    values["valid_size"] = 7
    with pytest.raises(VaelineError, match=r"17 training and 6 validation examples, fewer than"):
        store(DATASETS.build(values, raw=tmp_path / "data/raw"), tmp_path / "prepared")


def test_without_a_test_folder_a_share_of_the_training_images_is_the_test_set(tmp_path):
    image_files(tmp_path / "mine", [f"train/{'ab'[i % 2]}/{i:02}.png" for i in range(20)])
    valid = image_files(tmp_path / "mine", [f"val/{'ab'[i % 2]}/{i:02}.png" for i in range(6)], seed=1)
    dataset = mine(tmp_path)
    prepared = store(dataset, tmp_path / "prepared")
    assert (len(prepared.train), len(prepared.test)) == (17, 3)
    assert contents(prepared.valid) == sorted(image.tobytes() for image in valid)
    assert dataset.remarks() == ["splits: train is train/, valid is val/, test is a share of 0.1 of train/"]


def test_a_new_file_moves_at_most_one_other_file_to_another_set(tmp_path):
    image_files(tmp_path / "mine", FLAT)
    before = contents(mine(tmp_path).test())
    image_files(tmp_path / "mine", ["new.png"], seed=1)
    assert len(set(before) & set(contents(mine(tmp_path).test()))) >= len(before) - 1


def test_the_stored_bytes_do_not_depend_on_the_chunk_size(tmp_path, monkeypatch):
    image_files(tmp_path / "mine", FLAT)
    first = store(mine(tmp_path), tmp_path / "a")
    monkeypatch.setattr(storing, "PIECE_BYTES", 1000)
    assert store(mine(tmp_path), tmp_path / "b").hashes == first.hashes
    assert (len(first.train), len(first.valid), len(first.test)) == (33, 3, 4)
    assert list((tmp_path / "data" / "raw").iterdir()) == []


def test_grey_images_have_one_channel(tmp_path):
    image_files(tmp_path / "mine", FLAT)
    dataset = mine(tmp_path, mode="grey", side=8)
    assert dataset.training().values.shape == (36, 1, 8, 8)


def test_broken_files_are_listed_and_left_out_with_their_labels(tmp_path, capsys):
    images = image_files(tmp_path / "mine", [f"train/{'ab'[i % 2]}/{i:02}.png" for i in range(20)])
    image_files(tmp_path / "mine", [f"test/a/{i:02}.png" for i in range(4)], seed=1)
    (tmp_path / "mine/train/b/03.png").write_bytes(b"")
    part = mine(tmp_path, max_broken=0.05).training()
    assert "left out, broken: train/b/03.png (" in capsys.readouterr().out
    label = {image.tobytes(): i % 2 for i, image in enumerate(images)}
    assert part.labels.tolist() == [label[image.tobytes()] for image in part.values[:]]
    assert len(part.labels) == 19


def test_too_many_broken_files_are_a_one_line_error_with_the_first_names(tmp_path):
    image_files(tmp_path / "mine", FLAT)
    for i in range(10, 30):
        (tmp_path / "mine" / f"{i:03}.png").write_bytes(b"")
    with pytest.raises(VaelineError) as caught:
        mine(tmp_path, max_broken=0.05).training()
    text = str(caught.value)
    assert "of 36 images are broken, more than data.image_folder.max_broken = 0.05 allows: 010.png (" in text
    assert text.count(".png (") == 3
    assert "\n" not in text


@pytest.mark.parametrize(
    ("names", "options", "words"),
    [
        (FLAT, {"path": "nowhere"}, r"nowhere': there is no such folder: set it .* `dvc exp run -S"),
        (["a/notes.png/x.png"], {"path": "mine/a/notes.png/x.png"}, "there is no such folder"),
        ([*FLAT, "a/b.png"], {}, "000.png is beside class folders"),
        (["1.png", "2.png", "3.png"], {}, "0 images for train, at least 5 needed"),
        (["a/1.png"], {"path": "mine/empty"}, "no images in it: put images there, or"),
    ],
)
def test_a_folder_that_cannot_be_used_is_a_one_line_error(tmp_path, names, options, words):
    image_files(tmp_path / "mine", names)
    (tmp_path / "mine" / "empty").mkdir()
    with pytest.raises(VaelineError, match=words):
        mine(tmp_path, **options).training()


def test_a_home_folder_is_written_out(tmp_path, monkeypatch):
    monkeypatch.setenv("HOME", "/home/me")
    section = {"name": "image_folder", "path": "~/pictures"}
    with pytest.raises(VaelineError, match=r"-S data.path=/home/me/pictures`"):
        DATASETS.build(section, raw=tmp_path / "data" / "raw").training()


def test_a_relative_folder_is_that_of_the_working_directory(tmp_path, monkeypatch):
    """Where DVC has hashed it, also in a temporary copy of the repository."""
    image_files(tmp_path / "repository" / "mine", FLAT)
    copied = image_files(tmp_path / "copy" / "mine", FLAT[:20], seed=1)
    monkeypatch.chdir(tmp_path / "copy")
    section = {"name": "image_folder", "path": "mine", "image_folder": {"side": 12}}
    dataset = DATASETS.build(section, raw=tmp_path / "repository" / "data" / "raw")
    assert contents(dataset.training(), dataset.test()) == sorted(image.tobytes() for image in copied)


def test_a_copy_of_the_repository_without_the_images_says_how_to_name_them(tmp_path, monkeypatch):
    image_files(tmp_path / "repository" / "mine", FLAT)
    (tmp_path / "copy" / "mine").mkdir(parents=True)
    monkeypatch.chdir(tmp_path / "copy")
    section = {"name": "image_folder", "path": "mine"}
    with pytest.raises(VaelineError, match=f"that git does not .*data.path={tmp_path}/repository/mine`"):
        DATASETS.build(section, raw=tmp_path / "repository" / "data" / "raw").training()


@pytest.mark.parametrize(
    ("option", "value"),
    [
        ("side", 4),
        ("mode", "colour"),
        ("background", "grey"),
        ("test_share", 0.0),
        ("test_share", 1.0),
        ("max_broken", -0.1),
    ],
)
def test_options_out_of_range_are_rejected_by_name(tmp_path, option, value):
    with pytest.raises(VaelineError, match=rf"data\.image_folder\.{option} = {value!r} is not allowed"):
        mine(tmp_path, **{option: value})


PEAK = """
import sys
from pathlib import Path
from vaeline.data.catalog import DATASETS
from vaeline.data.storing import store
section = {"name": "image_folder", "path": sys.argv[1], "image_folder": {"side": 256}}
store(DATASETS.build(section, raw=Path("data/raw")), "prepared")
print(Path("/proc/self/status").read_text().split("VmHWM:")[1].split()[0])
"""


def test_memory_does_not_grow_with_the_number_of_images(tmp_path):
    (folder := tmp_path / "once").mkdir()
    image_files(folder, [f"{i}.png" for i in range(4)], side=32)
    peaks = []
    for count in (300, 1200):
        (many := tmp_path / str(count)).mkdir()
        for i in range(count):
            (many / f"{i}.png").symlink_to(folder / f"{i % 4}.png")
        command = [sys.executable, "-c", PEAK, str(many)]
        ran = subprocess.run(command, cwd=tmp_path, capture_output=True, text=True, check=True)
        peaks.append(int(ran.stdout.split()[-1]) / 1024)
    # The additional 900 images take 177 MB.
    assert peaks[1] - peaks[0] < 30

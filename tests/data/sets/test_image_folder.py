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


def mine(tmp_path, folder="mine", **options):
    section = {"name": "image_folder", "image_folder": {"folder": folder, "size": 12} | options}
    return DATASETS.build(section, raw=tmp_path / "data" / "raw")


def contents(*parts):
    return sorted(image.tobytes() for part in parts for image in part.images[:])


def test_a_flat_folder_is_one_class_and_every_image_is_in_exactly_one_set(tmp_path):
    images = image_files(tmp_path / "mine", FLAT)
    dataset = mine(tmp_path, test_share=0.25)
    assert (len(dataset.training().images), len(dataset.test().images)) == (30, 10)
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
        assert part.labels.tolist() == [label[image.tobytes()] for image in part.images[:]]


def test_train_and_test_folders_are_the_two_sets(tmp_path):
    training = image_files(tmp_path / "mine", [f"train/{'ab'[i % 2]}/{i:02}.png" for i in range(20)])
    test = image_files(tmp_path / "mine", [f"test/{'bc'[i % 2]}/{i:02}.png" for i in range(6)], seed=1)
    dataset = mine(tmp_path)
    assert dataset.classes == ("a", "b", "c")
    np.testing.assert_array_equal(
        dataset.training().images[:], np.concatenate([training[::2], training[1::2]])
    )
    np.testing.assert_array_equal(dataset.test().images[:], np.concatenate([test[::2], test[1::2]]))
    assert dataset.training().labels.tolist() == [0] * 10 + [1] * 10
    assert dataset.test().labels.tolist() == [1] * 3 + [2] * 3


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


def test_grey_images_have_one_channel_and_an_absolute_path_is_used_as_it_is(tmp_path):
    image_files(tmp_path / "mine", FLAT)
    dataset = mine(tmp_path / "elsewhere", folder=str(tmp_path / "mine"), mode="grey", size=8)
    assert dataset.training().images.shape == (36, 1, 8, 8)


def test_other_files_and_hidden_ones_are_ignored_and_links_followed(tmp_path):
    image_files(tmp_path / "mine", [f"a/{i:02}.png" for i in range(10)])
    image_files(tmp_path / "linked", [f"{i:02}.PNG" for i in range(10)], seed=1)
    for name in ("notes.txt", "a/._00.png", "a/Thumbs.db"):
        (tmp_path / "mine" / name).write_text("no image")
    (tmp_path / "mine" / "b").symlink_to(tmp_path / "linked")
    (tmp_path / "mine" / "a" / "up").symlink_to(tmp_path / "mine")
    dataset = mine(tmp_path)
    assert dataset.classes == ("a", "b")
    assert len(dataset.training().images) + len(dataset.test().images) == 20


def test_broken_files_are_listed_and_left_out_with_their_labels(tmp_path, capsys):
    images = image_files(tmp_path / "mine", [f"train/{'ab'[i % 2]}/{i:02}.png" for i in range(20)])
    image_files(tmp_path / "mine", [f"test/a/{i:02}.png" for i in range(4)], seed=1)
    (tmp_path / "mine/train/b/03.png").write_bytes(b"")
    part = mine(tmp_path, max_broken=0.05).training()
    assert "left out, broken: train/b/03.png (" in capsys.readouterr().out
    label = {image.tobytes(): i % 2 for i, image in enumerate(images)}
    assert part.labels.tolist() == [label[image.tobytes()] for image in part.images[:]]
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
        (FLAT, {"folder": ""}, "data.image_folder.folder is empty: set it"),
        (FLAT, {"folder": "nowhere"}, "no folder .*nowhere: set it"),
        (["a/notes.png/x.png"], {"folder": "mine/a/notes.png/x.png"}, "no folder .*x.png: set it"),
        ([*FLAT, "a/b.png"], {}, "000.png is beside class folders"),
        (["1.png", "2.png", "3.png"], {}, "0 images for train, at least 5 needed"),
        (["train/1.png", "other/2.png"], {"folder": "mine/empty"}, "no images in it"),
    ],
)
def test_a_folder_that_cannot_be_used_is_a_one_line_error(tmp_path, names, options, words):
    image_files(tmp_path / "mine", names)
    (tmp_path / "mine" / "empty").mkdir()
    with pytest.raises(VaelineError, match=words):
        mine(tmp_path, **options).training()


@pytest.mark.parametrize(
    ("option", "value"),
    [("size", 4), ("mode", "colour"), ("test_share", 0.0), ("test_share", 1.0), ("max_broken", -0.1)],
)
def test_options_out_of_range_are_rejected_by_name(tmp_path, option, value):
    with pytest.raises(VaelineError, match=rf"data\.image_folder\.{option} = {value!r} is not allowed"):
        mine(tmp_path, **{option: value})


PEAK = """
import sys
from pathlib import Path
from vaeline.data.catalog import DATASETS
from vaeline.data.storing import store
options = {"folder": sys.argv[1], "size": 256}
store(DATASETS.build({"name": "image_folder", "image_folder": options}, raw=Path("data/raw")), "prepared")
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

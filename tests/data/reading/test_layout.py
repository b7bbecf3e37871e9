"""What the folders of a data set mean."""

from pathlib import PurePath

import pytest
from hypothesis import given
from hypothesis import strategies as st

from vaeline.core.errors import VaelineError
from vaeline.data.reading.image_files import left_out_lines
from vaeline.data.reading.layout import layout, split_role


def place(folder, *names):
    for name in names:
        (folder / name).parent.mkdir(parents=True, exist_ok=True)
        (folder / name).touch()
    return folder


def understood(folder, *names):
    """The classes of each split, by the files' names."""
    parts = layout(place(folder, *names)).parts
    return {role: dict(zip(part.files, part.classes, strict=True)) for role, part in parts.items()}


@pytest.mark.parametrize(
    ("names", "role"),
    [
        (
            "train Train TRAIN training Training train_set training-set trainset train_images train2017",
            "train",
        ),
        ("val valid validation Val dev val_set validation_images val2017", "valid"),
        ("test Testing testset test_images test_data", "test"),
        ("trains contest latest value invalid tested cat developer t", None),
    ],
)
def test_splits_go_by_their_usual_names_in_any_case(names, role):
    assert {split_role(name) for name in names.split()} == {role}


@pytest.mark.parametrize(
    ("train", "valid", "test"),
    [("train", "val", "test"), ("Train", "Valid", "Test"), ("training_set", "dev", "test_set")],
)
def test_folders_of_splits_hold_the_classes(tmp_path, train, valid, test):
    assert understood(tmp_path, f"{train}/cat/1.png", f"{valid}/cat/1.png", f"{test}/dog/old/1.png") == {
        "train": {f"{train}/cat/1.png": "cat"},
        "valid": {f"{valid}/cat/1.png": "cat"},
        "test": {f"{test}/dog/old/1.png": "dog"},
    }


@pytest.mark.parametrize("missing", ["val", "test"])
def test_two_splits_are_enough(tmp_path, missing):
    names = [f"{name}/a/1.png" for name in ("train", "val", "test") if name != missing]
    assert set(understood(tmp_path, *names)) == {"train", "valid", "test"} - {missing.replace("val", "valid")}


def test_a_training_folder_alone_holds_the_classes(tmp_path):
    assert understood(tmp_path, "train/cat/1.png") == {"train": {"train/cat/1.png": "cat"}}


def test_a_folder_around_the_splits_is_seen_through(tmp_path):
    found = understood(tmp_path, "pets/train/cat/1.png", "pets/val/cat/2.png")
    assert found == {"train": {"pets/train/cat/1.png": "cat"}, "valid": {"pets/val/cat/2.png": "cat"}}


def test_classes_may_have_the_names_of_splits(tmp_path):
    assert understood(tmp_path / "a", "train/1.png", "car/1.png", "bus/1.png") == {
        "train": {"bus/1.png": "bus", "car/1.png": "car", "train/1.png": "train"}
    }
    assert understood(tmp_path / "b", "valid/1.png", "invalid/1.png") == {
        "train": {"invalid/1.png": "invalid", "valid/1.png": "valid"}
    }


def test_images_beside_the_splits_are_counted(tmp_path):
    place(tmp_path, "train/a/1.png", "test/a/1.png", "masks/1.png", "masks/2.png", "logo.png")
    assert left_out_lines(layout(tmp_path).left_out) == [
        "left out, images beside the folders of the splits: masks/ (2), logo.png (1)"
    ]


@pytest.mark.parametrize(
    ("names", "words"),
    [
        (["train/1.png", "val/1.png", "valid/1.png"], "val and valid have the name of the same split"),
        (
            ["val/1.png", "test/1.png"],
            "test/ is a split, but there is no train/: .* rename test/ if it is a class",
        ),
        (["cat/1.png", "dog/1.png", "test/1.png"], "test/ is a split, but there is no train/"),
        (["train/cat/1.png", "masks/1.png"], "it is not clear whether train/ is a split"),
        (
            ["cat/train/1.png", "cat/test/1.png", "dog/1.png"],
            "cat holds the splits test, train, .* as in train/cat, or",
        ),
        (["train/cat/1.png", "test/1.png"], r"train/ has class folders, and test/ has none, .*=.*/train`"),
        (["train/1.png", "test/cat/1.png"], "test/ has class folders, and train/ has none"),
        (
            ["train/cat/1.png", "val/cat/1.png", "test/1.png"],
            "train/, val/ has class folders, and test/ has none",
        ),
        (["train/cat/1.png", "train/2.png"], "train/2.png is beside class folders"),
        (["train/1.png", "test/notes.txt"], r"test/: no images in it \(left out: .txt \(1\)\)"),
        (["a.zip"], r"no images in it \(left out: .zip \(1\)\): put images there"),
    ],
)
def test_what_is_not_clear_is_one_line(tmp_path, names, words):
    with pytest.raises(VaelineError, match=words) as caught:
        layout(place(tmp_path, *names))
    assert "\n" not in str(caught.value)


FOLDERS = ["train", "Val", "valid", "test", "cat", "dog", "@eaDir", ".git", "training_set", "image"]
FILES = ["1.png", "2.JPG", "3.txt", ".4.png", "5", "6.heic"]


@given(
    st.sets(st.builds("/".join, st.tuples(*[st.sampled_from(["", *FOLDERS])] * 3, st.sampled_from(FILES))))
)
def test_every_image_is_in_one_split_or_counted(tmp_path_factory, names):
    folder = tmp_path_factory.mktemp("any")
    files = {str(PurePath(*name.split("/"))) for name in names}
    place(folder, *files)
    try:
        seen = layout(folder)
    except VaelineError:
        return
    outside = {
        f for f in files if any(part.startswith(".") or part == "@eaDir" for part in PurePath(f).parts)
    }
    pictures = {f for f in files - outside if f.endswith((".png", ".JPG"))}
    placed = [file for part in seen.parts.values() for file in part.files]
    beside = seen.left_out.get("images beside the folders of the splits", {})
    assert len(placed) == len(set(placed))
    assert set(placed) <= pictures
    assert len(placed) + sum(beside.values()) == len(pictures)
    assert sum(seen.left_out.get("files of other kinds", {}).values()) == len(files - outside - pictures)

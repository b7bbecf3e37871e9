"""What the folders of a data set mean: splits and classes, as most published data sets are laid out."""

import re
from collections import Counter
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Literal, NamedTuple, get_args

from vaeline.core.errors import VaelineError
from vaeline.data.reading.image_files import (
    FolderContent,
    LeftOut,
    counts_text,
    folder_command,
    folder_content,
    printable,
)

Role = Literal["train", "valid", "test"]
ROLES: tuple[Role, ...] = get_args(Role)
SPLIT_NAMES: dict[Role, re.Pattern[str]] = {
    role: re.compile(rf"(?:{names})(?:[ _-]?(?:set|images|data))?(?:[ _-]?\d{{4}})?", re.IGNORECASE)
    for role, names in zip(ROLES, ("train|training", "val|valid|validation|dev", "test|testing"), strict=True)
}
"""Train, Training, training_set, train2017 and the like."""
UNLABELLED = "image"
"""The only class of a folder without class folders."""
CLASS_NAMES = ("train", "valid", "dev")
"""Names of splits that are words for a class, too."""
BESIDE = "images beside the folders of the splits"


class LabelledFiles(NamedTuple):
    """The image files of one split: paths relative to the user's folder, and their classes."""

    files: list[str]
    classes: list[str]


class Layout(NamedTuple):
    """A folder of images, understood.

    Attributes:
        parts: the files of each split that has a folder of its own; of `train` alone if none has.
        splits: the folder of each of these splits, relative to the root; empty if none has one.
        left_out: what is not read.
    """

    parts: dict[Role, LabelledFiles]
    splits: dict[Role, str]
    left_out: LeftOut


def layout(root: Path) -> Layout:
    """Returns the image files below `root` by split, with their classes.

    Raises:
        VaelineError: if there are none, or if it is not clear what the folders mean.
    """
    content = folder_content(root)
    if not content.files:
        raise _no_images(str(root), content.left_out)
    prefix = _prefix(content)
    splits = {role: f"{prefix}{name}/" for role, name in _splits(root, content, prefix).items()}
    parts = {
        role: _labelled(root, [file for file in content.files if file.startswith(folder)], folder)
        for role, folder in (splits or {"train": ""}).items()
    }
    if empty := next((folder for role, folder in splits.items() if not parts[role].files), None):
        raise _no_images(f"{root}/{empty}", content.left_out)
    _refuse_missing_labels(root, parts, splits)
    left_out = dict(content.left_out)
    inside = tuple(splits.values()) or ("",)
    if beside := [file.removeprefix(prefix) for file in content.files if not file.startswith(inside)]:
        left_out[BESIDE] = Counter(map(_top, beside))
    return Layout(parts, splits, left_out)


def split_role(name: str) -> Role | None:
    """Returns the split that a folder's name stands for, if it is a usual one."""
    return next((role for role, names in SPLIT_NAMES.items() if names.fullmatch(name)), None)


def _prefix(content: FolderContent) -> str:
    """Returns the folder, with its slash, in which the splits are: the root, or one around everything."""
    first = content.files[0].partition("/")[0] + "/"
    if split_role(first[:-1]) or not all(file.startswith(first) for file in content.files):
        return ""
    return first if "train" in map(split_role, _folders(content, first)) else ""


def _folders(content: FolderContent, prefix: str) -> list[str]:
    """Returns the names of the folders directly below `prefix`."""
    below = [folder.removeprefix(prefix) for folder in content.folders if folder.startswith(prefix)]
    return [folder for folder in below if "/" not in folder]


def _splits(root: Path, content: FolderContent, prefix: str) -> dict[Role, str]:
    """Returns the folder of each split, or nothing if the folders are classes."""
    folders = _folders(content, prefix)
    named: dict[Role, list[str]] = {}
    for folder in folders:
        if role := split_role(folder):
            named.setdefault(role, []).append(folder)
    names = [name for of_role in named.values() for name in of_role]
    if not named or _is_class(root, folders, names, content, prefix):
        return {}
    if twice := next((names for names in named.values() if len(names) > 1), None):
        raise VaelineError(
            f"{root}: {' and '.join(twice)} have the name of the same split: rename one of them"
        )
    if "train" not in named:
        name = prefix + next(iter(named.values()))[0]
        raise VaelineError(
            f"{root}: {name}/ is a split, but there is no train/: put the training images into train/, or "
            f"rename {name}/ if it is a class, or take its images alone, `{folder_command(root / name)}`"
        )
    return {role: named[role][0] for role in ROLES if role in named}


def _is_class(
    root: Path, folders: Sequence[str], names: Sequence[str], content: FolderContent, prefix: str
) -> bool:
    """Returns whether the only folder with a split's name is one of several classes, such as vehicles."""
    if len(names) > 1 or len(folders) == 1 or names[0].lower() not in CLASS_NAMES:
        return False
    if any(folder.startswith(f"{prefix}{names[0]}/") for folder in content.folders):
        raise VaelineError(
            f"{root}: it is not clear whether {prefix}{names[0]}/ is a split, as there is no other: move "
            f"away what is beside it, or take its images alone, `{folder_command(root / prefix / names[0])}`"
        )
    return True


def _labelled(root: Path, files: list[str], prefix: str) -> LabelledFiles:
    places = [file.removeprefix(prefix).split("/") for file in files]
    flat = [len(place) == 1 for place in places]
    if any(flat) and not all(flat):
        stray = printable(files[flat.index(True)])
        raise VaelineError(f"{root}: {stray} is beside class folders: move it into one of them")
    _refuse_splits_in_classes(root, places)
    return LabelledFiles(files, [UNLABELLED if len(place) == 1 else printable(place[0]) for place in places])


def _refuse_splits_in_classes(root: Path, places: Sequence[Sequence[str]]) -> None:
    inside: dict[str, dict[Role, str]] = {}
    for place in places:
        if len(place) > 2 and (role := split_role(place[1])):
            inside.setdefault(place[0], {})[role] = place[1]
    for folder, roles in inside.items():
        if "train" in roles and len(roles) > 1:
            train = roles["train"]
            raise VaelineError(
                f"{root}: {printable(folder)} holds the splits {', '.join(sorted(roles.values()))}, which "
                f"would be mixed: put the splits above the classes, as in {train}/{printable(folder)}, or "
                f"take one class alone, `{folder_command(root / folder)}`"
            )


def _refuse_missing_labels(
    root: Path, parts: Mapping[Role, LabelledFiles], splits: Mapping[Role, str]
) -> None:
    """Raises VaelineError if some of the splits have class folders, and others have none."""
    labelled = {role: set(part.classes) != {UNLABELLED} for role, part in parts.items()}
    if len(set(labelled.values())) > 1:
        with_classes = ", ".join(splits[role] for role in splits if labelled[role])
        without = ", ".join(splits[role] for role in splits if not labelled[role])
        raise VaelineError(
            f"{root}: {with_classes} has class folders, and {without} has none, so that its images have no "
            f"labels: sort them into class folders, or take the images of {splits['train']} alone, "
            f"`{folder_command(root / splits['train'])}`"
        )


def _top(file: str) -> str:
    folder, slash, _ = file.partition("/")
    return printable(folder + slash)


def _no_images(place: str, left_out: LeftOut) -> VaelineError:
    others = [counts_text(counts) for counts in left_out.values()]
    holds = f" (left out: {', '.join(others)})" if others else ""
    return VaelineError(
        f"{place}: no images in it{holds}: put images there, or set data.path to the folder of "
        f"your images, `{folder_command('PATH')}`"
    )

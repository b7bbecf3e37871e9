"""Finding image files in folders, by their names alone, and counting what is left out."""

import os
import shlex
from collections import Counter
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import NamedTuple

from vaeline.core.errors import VaelineError
from vaeline.data.reading.own_path import path_command
from vaeline.data.reading.pictures import picture_extensions

HIDDEN = "hidden"
SYSTEM = "folders of previews and of the system"
OTHER = "files of other kinds"
SPECIAL = "neither files nor folders"
CIRCULAR = "links to a folder above"

SYSTEM_FOLDERS = frozenset(
    {"@eadir", "@recycle", "#recycle", "#snapshot", "__macosx", "lost+found", "$recycle.bin"}
    | {"system volume information", "thumbnails", "thumbs"}
)
"""What storage devices and systems make by themselves, in lower case."""
KINDS_NAMED = 8

LeftOut = Mapping[str, Counter[str]]
"""What was left out: by reason, extensions or names with their number."""


class FolderContent(NamedTuple):
    """The image files and the folders in a folder, at any depth, as sorted relative paths."""

    files: list[str]
    folders: list[str]
    left_out: LeftOut


def folder_content(folder: Path) -> FolderContent:
    """Lists a folder as DVC hashes it: links to files are followed, links to folders are not.

    Raises:
        VaelineError: if a folder may not be read, or is a link to another one, in which DVC would not notice
            a change.
    """
    files: list[str] = []
    folders: list[str] = []
    left_out: dict[str, Counter[str]] = {}
    waiting = [""]
    while waiting:
        place = waiting.pop()
        for entry in _entries(folder, place):
            if reason := _reason(folder, entry):
                what = _extension(entry.name) if reason == OTHER else printable(entry.name)
                left_out.setdefault(reason, Counter())[what] += 1
            elif _safely(entry.is_dir):
                folders.append(place + entry.name)
                waiting.append(f"{place}{entry.name}/")
            else:
                files.append(place + entry.name)
    return FolderContent(sorted(files), sorted(folders), left_out)


def left_out_lines(left_out: LeftOut) -> list[str]:
    """Returns a line for each reason, with the number of files of each kind."""
    return [f"left out, {reason}: {counts_text(left_out[reason])}" for reason in sorted(left_out)]


def counts_text(counts: Counter[str]) -> str:
    """Returns the most frequent with their numbers, and how many others there are: `.txt (3), .db (1)`."""
    # Sorted by name within a number, since the order of a folder's entries is that of the file system.
    ranked = sorted(counts.items(), key=lambda item: (-item[1], item[0]))
    named = [f"{name} ({number})" for name, number in ranked[:KINDS_NAMED]]
    others = sum(number for _, number in ranked[KINDS_NAMED:])
    return ", ".join([*named, *([f"{others} others"] if others else [])])


def printable(name: str) -> str:
    """Returns a file's name as it can be printed: bytes that are no UTF-8, and controls, are escaped."""
    shown = name.encode(errors="surrogateescape").decode(errors="backslashreplace")
    return "".join(c if c.isprintable() else c.encode("unicode_escape").decode() for c in shown)


def folder_command(folder: Path | str) -> str:
    """Returns the command that takes the images of a folder."""
    return path_command("image_folder", folder)


def _entries(folder: Path, place: str) -> list[os.DirEntry[str]]:
    path = f"{folder}/{place}"
    try:
        with os.scandir(path) as entries:
            return list(entries)
    except PermissionError:
        raise VaelineError(
            f"{printable(path)}: this folder may not be read: move it away, or "
            f"`chmod u+rx {shlex.quote(path)}`"
        ) from None


def _reason(folder: Path, entry: os.DirEntry[str]) -> str:
    """Returns why an entry is left out, or "" if it is an image file or a folder."""
    if entry.name.startswith("."):
        return HIDDEN
    if _safely(entry.is_dir):
        if entry.name.lower() in SYSTEM_FOLDERS:
            return SYSTEM
        return _reason_of_link(folder, entry) if entry.is_symlink() else ""
    if _extension(entry.name) not in picture_extensions():
        return OTHER
    # A link that leads nowhere is tried like any file, and found to be broken.
    return "" if _safely(entry.is_file) or (entry.is_symlink() and not Path(entry.path).exists()) else SPECIAL


def _safely(is_kind: Callable[[], bool]) -> bool:
    try:
        return is_kind()
    except OSError:  # a link that leads to itself
        return False


def _reason_of_link(folder: Path, entry: os.DirEntry[str]) -> str:
    target = Path(entry.path).resolve()
    if Path(entry.path).parent.resolve().is_relative_to(target):
        return CIRCULAR
    raise VaelineError(
        f"{printable(entry.path)} is a link to a folder, in which DVC would not notice a change: take a copy "
        f"without links, `cp -rL {shlex.quote(str(folder))} {shlex.quote(f'{folder}_copy')}` and "
        f"`{folder_command(f'{folder}_copy')}`"
    )


def _extension(name: str) -> str:
    return printable(Path(name).suffix.lower()) or "without extension"

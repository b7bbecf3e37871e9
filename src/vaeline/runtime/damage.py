"""What helps when a file that a stage reads is damaged, from what DVC has of it.

DVC trusts its cache, and what it once hashed: it neither notices a flipped bit nor writes over a damaged
object. So what is damaged has to be removed, and then `dvc repro` restores or makes it.
"""

import hashlib
import json
import shlex
import subprocess
import sys
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from vaeline.core.errors import DamagedFileError, VaelineError
from vaeline.core.yaml import read_yaml


@dataclass(frozen=True)
class Recorded:
    """A file of a stage's outs, as dvc.lock has it: its place, its MD5, and its object in DVC's cache."""

    path: Path
    md5: str
    cached: Path

    def damaged(self) -> list[Path]:
        """Returns which of the two, the object first, are there with another content."""
        return [file for file in (self.cached, self.path) if file.is_file() and _md5(file) != self.md5]


def with_remedy(error: VaelineError, in_workspace: bool = True) -> str:
    """Returns an error's message; of a damaged file that DVC has recorded, with the command that helps.

    Args:
        error: what a stage has come upon.
        in_workspace: whether it ran there, and not in a copy that DVC removes.
    """
    if not isinstance(error, DamagedFileError):
        return str(error)
    for stage, entry in _recorded_stages().items():
        for out in entry.get("outs", []):
            if error.path.is_relative_to(out["path"]) and "md5" in out:
                files = [file for file in recorded_files(out) if file.path.is_relative_to(error.path)]
                return f"{error.path}: {error.fault}: {_remedy(stage, files, in_workspace)}"
    return str(error)


def _remedy(stage: str, files: list[Recorded], in_workspace: bool) -> str:
    damaged = [path for file in files for path in file.damaged()]
    objects = [file.cached for file in files if file.cached in damaged]
    if not damaged and in_workspace:
        again = f"`dvc repro --force --single-item {stage} && dvc repro`"
        return f"'{stage}' wrote it like this: {again}" if files else f"{again} makes it again"
    remove = shlex.join(["rm", "-f", *map(str, damaged if in_workspace else objects)])
    if not in_workspace:
        return f"in DVC's cache, too: `{remove}`, then the same command" if objects else "run it again"
    if objects:
        return f"in DVC's cache, too: `{remove} && dvc repro` makes it again"
    return f"`{remove} && dvc repro` restores it"


def recorded_files(out: Mapping[str, Any]) -> list[Recorded]:
    """Returns the files of an out in dvc.lock; an empty list if DVC has lost the list of a folder's files."""
    cache = _cache() / "files" / "md5"

    def recorded(path: Path, md5: str) -> Recorded:
        return Recorded(path, md5, cache / md5[:2] / md5[2:])

    folder = recorded(Path(out["path"]), out["md5"])
    if not folder.md5.endswith(".dir"):
        return [folder]
    try:
        entries = json.loads(folder.cached.read_text())
        return [recorded(folder.path / entry["relpath"], entry["md5"]) for entry in entries]
    except (OSError, ValueError, KeyError, TypeError):
        return []


def _recorded_stages() -> dict[str, Any]:
    try:
        return dict(read_yaml("dvc.lock").get("stages", {}))
    except VaelineError:  # nothing has run here
        return {}


def _cache() -> Path:
    command = [sys.executable, "-m", "dvc", "cache", "dir"]
    said = subprocess.run(command, capture_output=True, text=True).stdout.strip()
    path = Path(said or ".dvc/cache")
    return path.relative_to(Path.cwd()) if path.is_relative_to(Path.cwd()) else path


def _md5(path: Path) -> str:
    with path.open("rb") as file:
        return hashlib.file_digest(file, "md5").hexdigest()

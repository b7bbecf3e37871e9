"""What a stage of dvc.yaml depends on, and its hashes as DVC records them in dvc.lock."""

import functools
import hashlib
import json
import re
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

from pathspec import PathSpec

from vaeline.core.errors import VaelineError
from vaeline.core.params import flatten_params, param_text
from vaeline.core.yaml import read_yaml

REFERENCE = re.compile(r"(?<!\\)\$\{([^}]+)\}")  # `${data.folder}`; `\${NPROC}` is left to the shell
IGNORED = (".git/", ".hg/", ".dvc/")  # by DVC itself, whatever .dvcignore says


def stage_dependencies(stage: str, params: Mapping[str, Any], pipeline: Path | str = "dvc.yaml") -> list[str]:
    """Returns the paths that `stage` depends on, with each `${key}` replaced by its value in `params`.

    Args:
        stage: A stage of dvc.yaml.
        params: All of params.yaml, nested.
        pipeline: Where dvc.yaml is.

    Raises:
        VaelineError: A path names a key that params do not have.
    """
    values = flatten_params(params)

    def value_of(reference: re.Match[str]) -> str:
        key = reference[1].strip()
        if key not in values:
            raise VaelineError(f"{pipeline}: the deps of '{stage}' name '{key}', which params.yaml lacks")
        return param_text(values[key])

    return [REFERENCE.sub(value_of, path) for path in read_yaml(pipeline)["stages"][stage]["deps"]]


def dependency_hash(path: Path | str) -> str:
    """Returns the hash that DVC 3 records of a file or a folder, or `""` where there is neither.

    A file's is its MD5. A folder's is the MD5 of the list of its files with theirs, and ends in `.dir`; what
    .dvcignore names does not count, so that bytecode changes nothing.
    """
    path = Path(path)
    if path.is_file():
        return _file_md5(path)
    if not path.is_dir():
        return ""
    entries = [
        {"md5": _file_md5(file), "relpath": file.relative_to(path).as_posix()} for file in files_in(path)
    ]
    entries.sort(key=lambda entry: entry["relpath"])
    return f"{_md5(json.dumps(entries, sort_keys=True).encode())}.dir"


def files_in(folder: Path) -> Iterator[Path]:
    """Yields the files of a folder, at any depth, that .dvcignore does not name; of a file, itself."""
    if folder.is_file():
        yield folder
    ignore = Path(".dvcignore")
    ignored = _patterns(ignore.read_text() if ignore.is_file() else "")
    for path in sorted(folder.rglob("*")):
        if path.is_file() and not ignored.match_file(path):
            yield path


@functools.cache
def _patterns(dvcignore: str) -> PathSpec[Any]:
    return PathSpec.from_lines("gitignore", [*IGNORED, *dvcignore.splitlines()])


def _file_md5(path: Path) -> str:
    with path.open("rb") as file:  # data may be larger than memory
        return hashlib.file_digest(file, functools.partial(hashlib.md5, usedforsecurity=False)).hexdigest()


def _md5(content: bytes) -> str:
    return hashlib.md5(content, usedforsecurity=False).hexdigest()

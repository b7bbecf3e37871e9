"""Files of DVC experiments, branches and commits."""

from pathlib import Path

from vaeline.core.errors import VaelineError


def fetch_from_revision(revision: str, file: Path, folder: Path) -> Path:
    """Copies a file of another revision of this repository into `folder`, and returns its path.

    An output comes from DVC's cache, or from the remote storage.

    Args:
        revision: The name of an experiment, a branch, a tag or a commit.
        file: Its path from the repository's root.
        folder: Where to copy it to.

    Raises:
        VaelineError: This is no repository, or it has no such revision, or no such file there.
    """
    from dvc.api import DVCFileSystem  # takes a second
    from dvc.exceptions import DvcException

    try:
        DVCFileSystem(rev=revision).get_file(file.as_posix(), str(folder / file.name))
    except (DvcException, OSError) as error:
        raise VaelineError(
            f"{revision}: no such model: neither a file or a folder, nor an experiment or a commit of this "
            f"repository with {file} ({_reason(error)}); `dvc exp show` lists experiments"
        ) from None
    return folder / file.name


def _reason(error: Exception) -> str:
    return " ".join(str(error).split())[:200] or type(error).__name__

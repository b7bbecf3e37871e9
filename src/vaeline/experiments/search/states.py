"""The states of trainings in a folder, as what is sent when a job moves to another node."""

import contextlib
import io
import shutil
import tarfile
from pathlib import Path

from vaeline.runtime.stage import STATES, trainings


def newest_state() -> str:
    """Returns the name of the newest state of a training here, which says its epoch; "" without any."""
    return max((path.name for path in trainings().glob(f"*/{STATES}")), default="")


def packed_states() -> bytes:
    """Returns the states of the trainings in this folder as an archive; b"" without any."""
    if not newest_state():
        return b""
    packed = io.BytesIO()
    with tarfile.open(fileobj=packed, mode="w") as archive:
        for path in sorted(trainings().rglob("*")):
            # Not locks, nor what is being written; a file that has gone meanwhile is an old state.
            if path.is_file() and path.suffix != ".lock" and not path.name.startswith("."):
                with contextlib.suppress(FileNotFoundError):
                    archive.add(path, path.relative_to(trainings()))
    return packed.getvalue()


def unpack_states(state: bytes) -> None:
    """Writes the states that `packed_states` returned, unless there are newer ones here."""
    if not state:
        return
    with tarfile.open(fileobj=io.BytesIO(state)) as archive:
        newest = max(Path(name).name for name in archive.getnames() if Path(name).name.startswith("state_"))
        if newest > newest_state():
            shutil.rmtree(trainings(), ignore_errors=True)
            archive.extractall(trainings(), filter="data")

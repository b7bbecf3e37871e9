"""One process at a time runs a stage in a workspace."""

import contextlib
import os
import shutil
import sys
from collections.abc import Iterator
from pathlib import Path

from vaeline.core.files import unfinished_files
from vaeline.core.locking import HeldElsewhereError, locked
from vaeline.core.yaml import read_yaml


@contextlib.contextmanager
def turn(stage: str) -> Iterator[None]:
    """Waits until no other process runs `stage` in this workspace, and keeps others waiting in the block.

    DVC can be killed without its stage, and then starts the stage again. What the other process wrote after
    DVC had emptied the stage's outs is removed, as is what a killed one did not finish writing.
    """
    lock = Path(".scratch/stages") / f"{stage}.lock"
    with contextlib.ExitStack() as stack:
        try:
            stack.enter_context(locked(lock, wait=0))
        except HeldElsewhereError:
            other = lock.read_text()
            print(
                f"{stage}: process {other} runs this stage here: waiting until it ends (or `kill {other}`)",
                file=sys.stderr,
                flush=True,
            )
            stack.enter_context(locked(lock))
            _remove_outs(stage)
        lock.write_text(str(os.getpid()))
        for left in (left for out in stage_outs(stage) for left in unfinished_files(out)):
            left.unlink()
        yield


def stage_outs(stage: str) -> list[Path]:
    """Returns the paths that dvc.yaml says `stage` writes: outs, metrics and plots."""
    entry = read_yaml("dvc.yaml")["stages"][stage]
    listed = [out for kind in ("outs", "metrics", "plots") for out in entry.get(kind, [])]
    return [Path(out if isinstance(out, str) else next(iter(out))) for out in listed]


def _remove_outs(stage: str) -> None:
    for path in stage_outs(stage):
        if path.is_dir():
            shutil.rmtree(path)
        else:
            path.unlink(missing_ok=True)

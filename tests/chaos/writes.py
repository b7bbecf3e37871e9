"""A stage killed at each system call that writes, and each stage on a disk that fills up."""

import functools
import random
import shutil
import subprocess
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import replace
from pathlib import Path
from tempfile import TemporaryDirectory

from tests.chaos.forked import Point, killed_at, points_of, run_stage
from tests.chaos.trials import WORKERS, Trial, run_trials, shares, small_clone
from tests.chaos.verdict import State, Verdict, verdict_of
from tests.support.clone import Clone
from vaeline.core.yaml import read_yaml

STAGES = ("prepare", "check", "train", "evaluate", "fid_reference", "fid", "diagnose", "report", "gate")
KEPT = ("data", "outputs", ".scratch", "mlflow.db", "mlartifacts")
"""What stages write: it is put back before each trial."""
ROOM = (0, 1, 4, 16, 64, 256, 1024, 4096)
"""Free kilobytes."""
FULL_LINE = r"^(\w+: no space left on the disk|MLflow: not logged)"


def run_all(root: Path, stages: Sequence[str] = STAGES) -> str:
    """Runs stages in the clone at `root`; returns what they printed, and raises RuntimeError if one fails."""
    said = ""
    for name in stages:
        ended = run_stage(name, root)
        said += ended.said
        if ended.status:
            raise RuntimeError(f"{name} failed: {ended.said}")
    return said


def kill_at_writes(stage: str, sample: int | None, first: bool = False) -> list[Trial]:
    """Returns a trial for each system call of a stage that writes, or for a random sample of them.

    Args:
        stage: to be killed.
        sample: the number of system calls; None for all.
        first: whether MLflow has no database yet when the stage starts.
    """
    with _before(stage, first) as (clone, _):
        points = points_of(stage, clone.root)
    if sample is not None and sample < len(points):
        points = random.Random(stage).sample(points, sample)
    work = functools.partial(_killed, stage=stage, first=first)
    return run_trials(work, shares(points, 2 * WORKERS), f"{stage} killed at its writes")


def _killed(points: Sequence[Point], stage: str, first: bool) -> list[Trial]:
    trials = []
    where = f"{stage}, with MLflow's database still to be made" if first else stage
    with _before(stage, first) as (clone, restore):
        run_all(clone.root, [stage])
        expected = State.of(clone.root)
        for point in points:
            restore()
            killed = run_stage(stage, clone.root, killed_at(point))
            verdict = after_fault(stage, clone.root, killed.said, expected)
            trials.append(Trial("kill at a system call that writes", where, verdict, int(killed.status < 0)))
    return trials


@contextmanager
def _before(stage: str, first: bool) -> Iterator[tuple[Clone, Callable[[], None]]]:
    """Yields a clone in which a stage may start, and a function that restores this state.

    If not `first`, the stage has run in it before, with another seed.
    """
    with small_clone(stage) as clone, TemporaryDirectory(prefix="vaeline-saved-") as saved:
        if first:
            run_all(clone.root, STAGES[: STAGES.index(stage)])
        else:
            params = clone.root / "params.yaml"
            text = params.read_text()
            params.write_text(text.replace("\nseed: 42 ", "\nseed: 43 "))
            run_all(clone.root, STAGES[: STAGES.index(stage) + 1])
            params.write_text(text)
            run_all(clone.root, STAGES[: STAGES.index(stage)])
        _copy(clone.root, Path(saved))
        yield clone, lambda: _copy(Path(saved), clone.root)


def _copy(source: Path, target: Path) -> None:
    """Makes what stages write in `target` what it is in `source`."""
    for left in (path for name in KEPT for path in target.glob(f"{name}*")):  # SQLite's journals too
        shutil.rmtree(left) if left.is_dir() else left.unlink()
    for name in KEPT:
        if (source / name).is_dir():
            shutil.copytree(source / name, target / name)
        elif (source / name).is_file():
            shutil.copy(source / name, target / name)


def after_fault(stage: str, root: Path, said: str, expected: State, line_of: str = "") -> Verdict:
    """Returns what held once the stage has run again without a fault; see `verdict_of`."""
    _remove_outs(stage, root)
    again = run_stage(stage, root)
    verdict = verdict_of(root, expected, said + again.said, line_of)
    if again.status:
        return replace(verdict, identical=False, detail=f"again: {again.said}")
    return verdict


def _remove_outs(stage: str, root: Path) -> None:
    """Does what DVC does before it runs a stage."""
    entry = read_yaml(root / "dvc.yaml")["stages"][stage]
    listed = (out for kind in ("outs", "metrics", "plots") for out in entry.get(kind, []))
    for out in (root / (each if isinstance(each, str) else next(iter(each))) for each in listed):
        if out.is_dir():
            shutil.rmtree(out)
        else:
            out.unlink(missing_ok=True)


def fill_disks() -> list[Trial]:
    """Returns trials of every stage on disks with some kilobytes left; needs root."""
    return run_trials(_filled, [*shares(ROOM, WORKERS)], "disk full")


def _filled(rooms: Sequence[int]) -> list[Trial]:
    with small_clone("full") as clone:
        expected = {}
        for stage in STAGES:
            run_all(clone.root, [stage])
            expected[stage] = State.of(clone.root)
        trials = []
        for room in rooms:
            with mounted(clone.root.with_name(f"{clone.root.name}.disk")) as disk:
                Clone.make(disk.root)
                trials += [_stage_on_full_disk(stage, room, disk, expected[stage]) for stage in STAGES]
    return trials


def _stage_on_full_disk(stage: str, room: int, disk: "Disk", expected: State) -> Trial:
    disk.leave(room)
    full = run_stage(stage, disk.root)
    disk.grow()
    failed = full.status != 0 or "MLflow: not logged" in full.said
    verdict = after_fault(stage, disk.root, full.said, expected, FULL_LINE if failed else "")
    return Trial("disk full", stage, verdict, int(failed))


class Disk:
    """A file system of a size that can be changed."""

    def __init__(self, root: Path) -> None:
        self.root = root

    def leave(self, kilobytes: int) -> None:
        """Leaves so much room on it."""
        self._resize((shutil.disk_usage(self.root).used >> 10) + kilobytes)

    def grow(self) -> None:
        """Makes it large."""
        self._resize(1 << 20)

    def _resize(self, kilobytes: int) -> None:
        options = f"remount,size={max(kilobytes, 4)}k"
        subprocess.run(["mount", "-o", options, str(self.root)], check=True)


@contextmanager
def mounted(root: Path) -> Iterator[Disk]:
    """Yields a file system of its own at `root`, a folder that does not exist yet."""
    root.mkdir()
    subprocess.run(["mount", "-t", "tmpfs", "-o", "size=1g", "tmpfs", str(root)], check=True)
    try:
        yield Disk(root)
    finally:
        subprocess.run(["umount", "-l", str(root)], check=True)
        root.rmdir()

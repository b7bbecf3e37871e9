"""DVC's cache on a disk that fills up."""

from tests.chaos.trials import Trial, run_trials, small_clone
from tests.chaos.verdict import State, verdict_of
from tests.chaos.writes import mounted

ROOM = (64, 256, 1024, 2048, 4096, 8192)
"""Free kilobytes of the cache's disk: prepared data take the first, checkpoints the others."""


def fill_caches() -> list[Trial]:
    """Returns a trial for each size of the disk that DVC's cache is on; needs root, for the file systems."""
    return run_trials(_full, ROOM, "DVC's cache full")


def _full(room: int) -> list[Trial]:
    with small_clone("cache") as clone:
        with small_clone("whole") as whole:
            whole.run("dvc", "repro")
            expected = State.of(whole.root)
        with mounted(clone.root.with_name(f"{clone.root.name}.cache")) as disk:
            clone.run("dvc", "cache", "dir", "--local", str(disk.root))
            disk.leave(room)
            full = clone.run("dvc", "repro", ok=False)
            disk.grow()
            again = clone.run("dvc", "repro")
            said = full.stdout + full.stderr + again.stdout + again.stderr
            # DVC's own error, not a stage's
            line = r"No space left on device" if full.returncode else ""
            verdict = verdict_of(clone.root, expected, said, line)
    return [Trial("DVC's cache full", "dvc repro", verdict, int(full.returncode != 0))]

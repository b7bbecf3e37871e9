"""DVC's cache: on a disk that fills up, and with objects of which a bit has flipped."""

import functools
import re
import subprocess
from dataclasses import replace
from pathlib import Path

from tests.chaos.trials import Trial, run_trials, small_clone
from tests.chaos.verdict import State, verdict_of
from tests.chaos.writes import mounted
from tests.support.clone import Clone

ROOM = (64, 1024, 4096)
"""Free kilobytes of the cache's disk: prepared data take the first, checkpoints the others."""
DAMAGED = (
    ("data/prepared/valid_values.npy", "check", False),
    ("outputs/fid_reference/features/classifier.pt", "fid", False),
    ("outputs/train/checkpoints/best.pt", "evaluate", True),
)
"""Files, a stage that reads each, and whether making it again is another training, in a run of its own."""


def assail_caches() -> list[Trial]:
    """Returns a trial for each disk size and each damaged file; needs root, for the file systems."""
    with small_clone("whole") as clone:
        clone.run("dvc", "repro")
        expected = State.of(clone.root)
        damaged = [_damaged(clone, *case) for case in DAMAGED]
    return [*damaged, *run_trials(functools.partial(_full, expected=expected), ROOM, "DVC's cache full")]


def _full(room: int, expected: State) -> list[Trial]:
    with small_clone("cache") as clone:
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


def _damaged(clone: Clone, file: str, stage: str, trains_again: bool) -> Trial:
    """Damages a file and its object; afterwards the clone is whole again."""
    before = State.of(clone.root)
    expected = replace(before, runs=[*before.runs, *before.runs] if trains_again else before.runs)
    for path in (_cached(clone, clone.root / file), clone.root / file):
        flip_a_bit(path)
    told = clone.run("dvc", "repro", "--force", "--single-item", stage, ok=False)
    said = told.stdout + told.stderr
    remedies = re.findall(rf"^{stage}: .*`(rm -f .* && dvc repro)`", said, re.MULTILINE)
    for remedy in remedies[:1]:
        pasted = clone.run("bash", "-c", remedy, ok=False)
        said += pasted.stdout + pasted.stderr
    verdict = verdict_of(clone.root, expected, said)
    if not remedies:
        verdict = replace(verdict, one_line=False, detail=f"{file}: no remedy was printed: {said}")
    return Trial("a bit flipped in DVC's cache", f"{file}, read by {stage}", verdict)


def _cached(clone: Clone, file: Path) -> Path:
    md5 = subprocess.check_output(["md5sum", file], text=True).split()[0]
    return clone.root / ".dvc/cache/files/md5" / md5[:2] / md5[2:]


def flip_a_bit(path: Path) -> None:
    """Damages a file in its middle, as a disk does."""
    content = bytearray(path.read_bytes())
    content[len(content) // 2] ^= 1
    path.chmod(0o644)
    path.write_bytes(content)

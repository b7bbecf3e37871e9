"""What is shown while experiments run: a bar, the last line of a log, and how each one has ended."""

import sys
from typing import Self

from tqdm import tqdm

from vaeline.core.progress import bar
from vaeline.experiments.launch import show_line
from vaeline.experiments.search.jobs import Job, Progress


class Display:
    """The bar of a search or a sweep; use it as a context manager."""

    def __init__(self, total: int, finished: int = 0) -> None:
        self._bar = bar(total=total, initial=finished, unit=" experiments")

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self._bar.close()

    def show(self, job: Job, progress: Progress) -> None:
        """Shows how far a job is."""
        show_line(self._bar, job.name, progress.line)

    def ended(self, job: Job, progress: Progress) -> None:
        """Says how a job has ended."""
        tqdm.write(progress.reason or f"{job.name}: done", file=sys.stderr)
        self._bar.update()

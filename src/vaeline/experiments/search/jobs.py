"""Experiments that run side by side, wherever that is, and the loop that starts and watches them."""

import time
from abc import ABC, abstractmethod
from collections.abc import Callable, Generator, Iterable
from dataclasses import dataclass, field

LOOK_AGAIN = 0.5  # seconds between two looks at what runs


@dataclass(frozen=True)
class Job:
    """One experiment that is to run.

    Attributes:
        name: Its name, of which DVC makes a reference and the log a file.
        overrides: `key=value` for each param that it changes.
        training: What the state of its training is kept under: a job that continues another's has the same.
    """

    name: str
    overrides: tuple[str, ...]
    training: str = ""

    @property
    def place(self) -> str:
        """The name of the folder in which it runs, and of the state of its training."""
        return self.training or self.name


@dataclass(frozen=True)
class Progress:
    """How far a job is.

    Attributes:
        line: The last line of its log.
        elbos: The validation ELBO in nats, by epoch, as far as epochs were validated.
        epoch: The last epoch that was reported; 0 before the first.
        ended: Whether it has ended.
        reason: Why it failed; "" as long as it has not.
    """

    line: str = ""
    elbos: dict[int, float] = field(default_factory=dict)
    epoch: int = 0
    ended: bool = False
    reason: str = ""


class RunningJob(ABC):
    """A job that has been started."""

    @abstractmethod
    def look(self) -> Progress:
        """Returns how far it is, without waiting."""

    @abstractmethod
    def stop(self) -> None:
        """Ends it; its training can be resumed after its last whole epoch."""


class Executor(ABC):
    """A place where jobs run."""

    @property
    @abstractmethod
    def at_once(self) -> int:
        """How many jobs it runs at a time, as things stand."""

    @abstractmethod
    def start(self, job: Job) -> RunningJob:
        """Starts a job.

        Raises:
            VaelineError: If DVC could not keep its result.
        """


def never(_: Job, __: Progress) -> Job | None:
    """Ends no job early."""
    return None


def run_jobs(
    jobs: Iterable[Job],
    executor: Executor,
    shorten: Callable[[Job, Progress], Job | None] = never,
    show: Callable[[Job, Progress], object] = never,
) -> Generator[tuple[Job, Progress]]:
    """Yields each job when it has ended; closing the iterator stops what runs.

    Args:
        jobs: What is to run. The next one is taken when there is room for it, so that it may depend on how
            those before it have ended.
        executor: Where they run.
        shorten: Asked after each look at a job. If it returns another job, this one is stopped and that one
            takes its place; what is yielded at the end is the other one.
        show: Given each look at a job.
    """
    waiting = iter(jobs)
    running: dict[Job, RunningJob] = {}
    try:
        while True:
            while len(running) < executor.at_once and (job := next(waiting, None)):
                running[job] = executor.start(job)
            if not running:
                return
            for job, process in list(running.items()):
                progress = process.look()
                show(job, progress)
                if progress.ended:
                    del running[job]
                    yield job, progress
                elif shorter := shorten(job, progress):
                    del running[job]
                    process.stop()
                    running[shorter] = executor.start(shorter)
            time.sleep(LOOK_AGAIN)
    finally:
        for process in running.values():
            process.stop()

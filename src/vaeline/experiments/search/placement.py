"""Where experiments run, as a command is told: on this machine, or on a cluster of Ray."""

import contextlib
from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass

from vaeline.experiments.search.display import Display
from vaeline.experiments.search.jobs import Executor, Job, Progress, never, run_jobs
from vaeline.experiments.search.local import LocalExecutor


@dataclass(frozen=True)
class Placement:
    """Where experiments run, and how much of a machine each one has.

    Attributes:
        address: Of a Ray cluster, `host:port`; `auto` for the one that this machine belongs to, `local` for
            one that is started here. "" runs on this machine without Ray.
        at_once: Experiments that run at a time. 0: one on this machine, and as many as fit on a cluster.
        cpus: CPUs that Ray keeps for an experiment.
        gpus: GPUs that Ray keeps for an experiment.
    """

    address: str = ""
    at_once: int = 0
    cpus: float = 1.0
    gpus: float = 0.0

    @contextlib.contextmanager
    def executor(self) -> Iterator[Executor]:
        """Yields what runs experiments there.

        Raises:
            VaelineError: If the cluster cannot be reached, or one of its nodes cannot run them.
        """
        if not self.address:
            yield LocalExecutor(self.at_once or 1)
            return
        from vaeline.experiments.search.cluster import cluster

        with cluster(self.address, self.at_once, self.cpus, self.gpus) as executor:
            yield executor

    @contextlib.contextmanager
    def running(
        self,
        jobs: Iterable[Job],
        total: int,
        finished: int = 0,
        shorten: Callable[[Job, Progress], Job | None] = never,
    ) -> Iterator[Iterator[tuple[Job, Progress]]]:
        """Yields what gives each job when it has ended, see `run_jobs`, and shows how far all are.

        Leaving the block stops what runs. After the caller has dealt with a job, its end is told.

        Args:
            jobs: What is to run.
            total: How many experiments there are, for the bar.
            finished: How many of them have run before.
            shorten: Ends jobs early, see `run_jobs`.

        Raises:
            VaelineError: As `executor` does.
        """
        with Display(total, finished) as display, self.executor() as executor:
            with contextlib.closing(run_jobs(jobs, executor, shorten, display.show)) as runs:

                def told() -> Iterator[tuple[Job, Progress]]:
                    for job, progress in runs:
                        yield job, progress
                        display.ended(job, progress)

                yield told()


HERE = Placement()
"""One experiment after the other on this machine."""

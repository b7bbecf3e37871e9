"""Where experiments run, as a command is told: on this machine, or on a cluster of Ray."""

import contextlib
from collections.abc import Iterator
from dataclasses import dataclass

from vaeline.experiments.search.jobs import Executor
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


HERE = Placement()
"""One experiment after the other on this machine."""

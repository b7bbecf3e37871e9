"""Jobs on this machine, in copies of this repository."""

import contextlib
import os
from collections.abc import Mapping

import psutil

from vaeline.core.files import read_json
from vaeline.experiments.launch import NO_VARIABLES, failure, last_line, running_experiment
from vaeline.experiments.search.jobs import Executor, Job, Progress, RunningJob
from vaeline.experiments.watching import epochs_path
from vaeline.runtime.stage import workspace

LEFT_OVER_TO_END = 60.0  # seconds for what a killed command has left behind


class LocalJob(RunningJob):
    """An experiment of DVC's in a process."""

    def __init__(self, job: Job, environment: Mapping[str, str] = NO_VARIABLES, pull: bool = False) -> None:
        """Starts it.

        Args:
            job: What to run.
            environment: Variables that its stages have beside those of this process.
            pull: Whether what is missing here comes from the DVC remote.

        Raises:
            VaelineError: If DVC could not keep its result.
        """
        end_left_over(job.name)
        epochs_path(job.name).unlink(missing_ok=True)
        self._name, self._stack = job.name, contextlib.ExitStack()
        running = running_experiment(job.overrides, job.name, environment=environment, pull=pull)
        self._process = self._stack.enter_context(running)

    def look(self) -> Progress:
        """Returns how far it is."""
        status = self._process.poll()
        if status is not None:
            self._stack.close()
        epoch, elbos = reported_epochs(self._name)
        reason = failure(self._name) if status else ""
        return Progress(last_line(self._name), elbos, epoch, ended=status is not None, reason=reason)

    def stop(self) -> None:
        """Stops DVC and its stage."""
        self._stack.close()


class LocalExecutor(Executor):
    """Runs jobs on this machine.

    The first one runs alone until it trains: the others find its prepared data in DVC's run cache, and do not
    prepare them at the same time.
    """

    def __init__(self, at_once: int = 1) -> None:
        self._most = at_once
        self._first: RunningJob | None = None
        shared = at_once > 1 and "OMP_NUM_THREADS" not in os.environ
        threads = max(1, (os.cpu_count() or 1) // at_once)
        self._environment = {"OMP_NUM_THREADS": str(threads)} if shared else {}

    @property
    def at_once(self) -> int:
        """How many jobs run at a time."""
        if self._first is not None:
            progress = self._first.look()
            if not (progress.epoch or progress.ended):
                return 1
        return self._most

    def start(self, job: Job) -> RunningJob:
        """Starts a job in a copy of this repository."""
        started = LocalJob(job, self._environment)
        self._first = self._first or started
        return started


def reported_epochs(name: str) -> tuple[int, dict[int, float]]:
    """Returns the last epoch that an experiment reported, and the validation ELBO of those that have one."""
    path = epochs_path(name)
    if not path.is_file():
        return 0, {}
    rows = read_json(path)["epochs"]
    return rows[-1]["epoch"], {row["epoch"]: row["valid_elbo"] for row in rows if "valid_elbo" in row}


def end_left_over(name: str) -> None:
    """Ends what is left of an experiment whose command was killed: it would keep its training to itself."""
    left = [process for process in psutil.process_iter() if _runs(process, name)]
    for process in left:
        with contextlib.suppress(psutil.Error):
            process.terminate()
    for process in psutil.wait_procs(left, LEFT_OVER_TO_END)[1]:
        with contextlib.suppress(psutil.Error):
            process.kill()


def _runs(process: psutil.Process, name: str) -> bool:
    try:
        environment = process.environ()
    except psutil.Error:  # another user's, or it has ended
        return False
    root = environment.get("DVC_ROOT", "")
    return environment.get("DVC_EXP_NAME") == name and root == str(workspace())

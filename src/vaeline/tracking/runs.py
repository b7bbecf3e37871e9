"""A run of MLflow, from its training to its report.

`train` opens a run and logs its params and curves; `report` completes it, or, where the run already belongs
to another experiment that shares the training, opens a child run that is complete in itself. A tracking
server that cannot be reached costs one printed line: everything also stands in outputs/.
"""

import contextlib
import sys
import uuid
from collections.abc import Iterator, Mapping, Sequence
from typing import Any

from vaeline.tracking.store import TRAINING_RUN, RunContent, Store, holds_another

LOG_LATER = "outputs/ has everything; log it later with `dvc repro --force --single-item report`"


class TrainingRun:
    """The run of a training; where the tracking server fails, it says so once and does nothing more.

    `id` is then one that no store has: what is logged later is tagged with it, and found by it.
    """

    def __init__(self, resume: str) -> None:
        self.id = resume or uuid.uuid4().hex
        self._store: Store | None = None
        self._watching: Any = None

    @classmethod
    @contextlib.contextmanager
    def open(cls, experiment: str, report: RunContent, resume: str = "") -> Iterator["TrainingRun"]:
        """Yields the run `resume` where it exists, else a new one; it ends FINISHED or FAILED."""
        run = cls(resume)
        with run._tolerant():
            run._store = Store(experiment)
            if resume and run._store.find(resume):
                run.id = resume
                run._store.client.update_run(resume, status="RUNNING")
            else:
                run.id = run._store.create(report, {})
            run._watching = run._store.watch(run.id)
        try:
            yield run
        except BaseException:
            run._end("FAILED")
            raise
        run._end("FINISHED")

    def curves(self, rows: Sequence[Mapping[str, float]]) -> None:
        """Logs the epochs that the run does not have yet."""
        with self._tolerant():
            if self._store:
                self._store.curves(self.id, rows)

    def artifacts(self, paths: Mapping[str, str]) -> None:
        """Logs files, each into its folder."""
        with self._tolerant():
            for path, folder in paths.items() if self._store else ():
                self._store.client.log_artifact(self.id, path, folder)

    def _end(self, status: str) -> None:
        with self._tolerant():
            if self._watching:
                self._watching.finish()
            if self._store:
                self._store.client.set_terminated(self.id, status)

    @contextlib.contextmanager
    def _tolerant(self) -> Iterator[None]:
        try:
            yield
        except Exception as error:  # whatever a server, a proxy or a database may raise
            self._store = None
            print(
                f"MLflow: not logged ({_first_line(error)}); training goes on, {LOG_LATER}", file=sys.stderr
            )


def complete(experiment: str, training_run: str, report: RunContent) -> str:
    """Logs `report` and returns the run's id, or `` where the tracking server is not reached.

    The run of the training is completed where nothing in it would change; else a child run is opened, or
    the one that holds exactly this report found again.
    """
    try:
        store = Store(experiment)
        with store.lock:
            return _complete(store, training_run, report)
    except Exception as error:
        print(f"MLflow: not logged ({_first_line(error)}); {LOG_LATER}", file=sys.stderr)
        return ""


def _complete(store: Store, training_run: str, report: RunContent) -> str:
    parent = store.find(training_run)
    known = [run for run in (parent, *store.children(training_run)) if run]
    for run in known:
        if not holds_another(run, report):
            store.write(run.info.run_id, report)
            # FINISHED, also where the server was away when the training ended.
            store.client.update_run(run.info.run_id, status="FINISHED", name=report.name)
            return run.info.run_id
    tags = {TRAINING_RUN: training_run} | ({"mlflow.parentRunId": training_run} if parent else {})
    run_id = store.create(report, tags)
    store.client.set_terminated(run_id)
    return run_id


def _first_line(error: Exception) -> str:
    return f"{type(error).__name__}: {str(error).splitlines()[0][:160] if str(error) else ''}"

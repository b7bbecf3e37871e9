"""The run of a training: opened when it starts, and continued when it resumes."""

import contextlib
import uuid
from collections.abc import Iterator, Mapping, Sequence

from vaeline.tracking.machine_use import MachineMonitor, log_machine_use
from vaeline.tracking.runs.content import RunContent
from vaeline.tracking.runs.store import Store, milliseconds_now, warn_not_logged


class TrainingRun:
    """The run of a training. If the tracking server fails, it prints one warning and stops logging.

    `id` is then an id that no store has; runs that are logged later carry it as a tag.
    """

    def __init__(self, resume: str) -> None:
        self.id = resume or uuid.uuid4().hex
        self._store: Store | None = None
        self._monitor: MachineMonitor | None = None

    @classmethod
    @contextlib.contextmanager
    def open(cls, experiment: str, content: RunContent, resume: str = "") -> Iterator["TrainingRun"]:
        """Yields the run with the id `resume` if it exists, else a new run; it ends FINISHED or FAILED."""
        run = cls(resume)
        with run._tolerant():
            store = run._store = Store(experiment)
            if resume and store.find(resume):
                run.id = resume
                store.client.update_run(resume, status="RUNNING")
            else:
                run.id = store.create(content, {})
                store.write(run.id, content, milliseconds_now())
            run._monitor = log_machine_use(run.id, store.client.tracking_uri)
        try:
            yield run
        except BaseException:
            run._end("FAILED")
            raise
        run._end("FINISHED")

    def curves(self, rows: Sequence[Mapping[str, float]]) -> None:
        """Logs the epochs that the run lacks."""
        with self._tolerant():
            if self._store:
                self._store.curves(self.id, rows)

    def artifacts(self, paths: Mapping[str, str]) -> None:
        """Logs files, each into its folder."""
        with self._tolerant():
            if self._store:
                for path, folder in paths.items():
                    self._store.client.log_artifact(self.id, path, folder)

    def _end(self, status: str) -> None:
        with self._tolerant():
            if self._monitor:
                self._monitor.finish()
            if self._store:
                self._store.client.set_terminated(self.id, status)

    @contextlib.contextmanager
    def _tolerant(self) -> Iterator[None]:
        try:
            yield
        except Exception as error:  # whatever a server, a proxy or a database may raise
            self._store = None
            warn_not_logged(error, "training continues, ")

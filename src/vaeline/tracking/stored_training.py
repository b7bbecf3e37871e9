"""The run of a training in the store."""

from collections.abc import Mapping, Sequence
from typing import Self

from vaeline.tracking.abandoned import PROCESS, end_abandoned_runs, this_process
from vaeline.tracking.machine_use import MachineMonitor, log_machine_use
from vaeline.tracking.runs.content import RunContent
from vaeline.tracking.runs.store import TRAINING_KEY, Store, milliseconds_now


class StoredTraining:
    """A run of the store that is RUNNING, with the use of the machine logged besides.

    Attributes:
        id: Id of the run.
    """

    def __init__(self, store: Store, run_id: str, monitor: MachineMonitor | None) -> None:
        self.id, self._store, self._monitor = run_id, store, monitor

    @classmethod
    def open(cls, experiment: str, content: RunContent, key: str) -> Self:
        """Returns the run of the training `key`, made if there is none, with what it lacks of `content`."""
        store = Store(experiment)
        if run := store.training(key):
            store.client.update_run(run.info.run_id, status="RUNNING")
        else:
            store.create(content, {TRAINING_KEY: key})
            run = store.training(key)
        assert run is not None
        run_id = run.info.run_id
        store.client.set_tag(run_id, PROCESS, this_process())
        end_abandoned_runs(store)
        store.write(run_id, content, milliseconds_now())
        return cls(store, run_id, log_machine_use(run_id, store.client.tracking_uri))

    def curves(self, rows: Sequence[Mapping[str, float]]) -> None:
        """Logs the epochs that the run lacks."""
        self._store.curves(self.id, rows)

    def upload(self, path: str, folder: str) -> None:
        """Adds a file to a folder of the run's artifacts."""
        self._store.upload(self.id, path, folder)

    def end(self, status: str) -> None:
        """Ends the run with that status."""
        try:
            if self._monitor:
                self._monitor.finish()
        finally:
            self._store.client.set_terminated(self.id, status)

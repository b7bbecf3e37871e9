"""The run of a training: opened when it starts, and continued when it resumes."""

import contextlib
import uuid
from collections.abc import Callable, Iterator, Mapping, Sequence
from typing import TYPE_CHECKING

from vaeline.tracking.background import BackgroundTasks
from vaeline.tracking.runs.content import RunContent
from vaeline.tracking.runs.failures import LOG_LATER, say, warn_not_logged
from vaeline.tracking.runs.location import store_name

if TYPE_CHECKING:  # it imports MLflow
    from vaeline.tracking.stored_training import StoredTraining

END_TOLD_AFTER = 3  # seconds of waiting at the end of a training
LONGEST_WAIT = 60  # seconds, at most, that the end of a training waits for the store
LONGEST_WAIT_AFTER_FAILURE = 10
BEGINNING = "the params"  # what opening the run logs


def new_training_key() -> str:
    """Returns what names a training in MLflow; keep it where a resumed training finds it."""
    return uuid.uuid4().hex


class TrainingRun:
    """The run of a training, logged in the background: the training never waits for the store.

    If the store fails, one warning is printed, and the next epoch tries again.

    Attributes:
        id: Id of the run, or the key of the training before there is one; a report finds the run by either.
    """

    def __init__(self, experiment: str, content: RunContent, key: str) -> None:
        self.id = key
        self._key, self._experiment, self._content = key, experiment, content
        self._tasks = BackgroundTasks()
        self._stored: StoredTraining | None = None
        self._failed: set[str] = set()
        self._warned = self._ending = self._given_up = False

    @classmethod
    @contextlib.contextmanager
    def open(cls, experiment: str, content: RunContent, key: str = "") -> Iterator["TrainingRun"]:
        """Yields the run of the training `key` if it exists, else a new run; it ends FINISHED or FAILED.

        Args:
            experiment: Name of the MLflow experiment.
            content: What the run holds from its start.
            key: A `new_training_key`, saved before this is called: if the process is killed, the next one
                finds the run by it. The id of a run serves too.
        """
        run = cls(experiment, content, key or new_training_key())
        run._log(BEGINNING, lambda _: None)
        try:
            yield run
        except BaseException:
            run._end("FAILED", LONGEST_WAIT_AFTER_FAILURE)
            raise
        run._end("FINISHED", LONGEST_WAIT)

    def curves(self, rows: Sequence[Mapping[str, float]]) -> None:
        """Logs the epochs that the run lacks."""
        self._log("the curves", lambda stored: stored.curves(rows))

    def artifacts(self, paths: Mapping[str, str]) -> None:
        """Logs files, each into its folder; they must stay until the run has ended."""
        for path, folder in paths.items():
            self._artifact(path, folder)

    def _artifact(self, path: str, folder: str) -> None:
        self._log(path, lambda stored: stored.upload(path, folder))

    def _log(self, what: str, logging: "Callable[[StoredTraining], None]") -> None:
        self._tasks.add(what, lambda: self._attempt(what, logging))

    def _attempt(self, what: str, logging: "Callable[[StoredTraining], None]") -> None:
        if self._given_up:
            return
        try:
            logging(self._opened())
            self._failed.discard(what)
        except Exception as error:  # whatever a server, a proxy or a database may raise
            self._failed.add(what)
            self._given_up = self._ending and self._stored is None  # one more try, at the end
            if not self._warned:
                warn_not_logged(error, "training continues, ")
            self._warned = True

    def _opened(self) -> "StoredTraining":
        if self._stored is None:
            # In the background as all else, since MLflow takes three seconds to import.
            from vaeline.tracking.stored_training import StoredTraining

            self._stored = StoredTraining.open(self._experiment, self._content, self._key)
            self.id = self._stored.id
            self._failed.discard(BEGINNING)
        return self._stored

    def _end(self, status: str, patience: float) -> None:
        self._ending = True
        self._log("the end of the run", lambda stored: stored.end(status))
        if self._tasks.wait(END_TOLD_AFTER):
            say(f"waiting up to {patience} s for {store_name()}")
        unfinished = self._tasks.wait(patience)
        self._tasks.close()
        if unfinished:
            self._warned = True  # what still runs need not say it again
            say(f"not logged within {patience} s: {', '.join(unfinished)}; {LOG_LATER}")
        elif self._warned and not self._failed:
            say(f"{store_name()} answers again, and has everything")

"""The runs of a search in MLflow: one for the search, above those of its trials."""

from collections.abc import Callable, Mapping
from typing import Any

from vaeline.tracking.runs.content import RunContent
from vaeline.tracking.runs.failures import warn_not_logged
from vaeline.tracking.runs.store import PARENT_RUN, Store, milliseconds_now

SEARCH_KEY = "vaeline.search"
"""The tag that names a search, in its own run and in those of its trials."""


class SearchRun:
    """The run of a search.

    If the tracking server is unreachable, one warning is printed, and the search continues.
    """

    def __init__(self, experiment: str, name: str, key: str, params: Mapping[str, Any]) -> None:
        """Opens the run of the search `key`, or makes it with `name` and `params`."""
        self._key, self._experiment = key, experiment
        self._content = RunContent(name, params, {SEARCH_KEY: key, "kind": "search"})
        self._store: Store | None = None
        self._id, self._warned = "", False
        self._tolerant(self._open)

    def add(self, experiment: str, tags: Mapping[str, str]) -> None:
        """Puts the run of a trial below the search's, unless it belongs to another.

        Args:
            experiment: The DVC experiment of the trial.
            tags: What else is said of it.
        """
        self._tolerant(lambda store: self._add(store, experiment, tags))

    def finish(self, metrics: Mapping[str, float]) -> None:
        """Ends the run, with the metrics of the best trial."""
        self._tolerant(lambda store: self._finish(store, metrics))

    def _open(self, store: Store) -> None:
        found = store.tagged(SEARCH_KEY, self._key)
        mine = [run for run in found if run.data.tags.get("kind") == "search"]
        self._id = mine[0].info.run_id if mine else store.create(self._content, {})
        store.client.update_run(self._id, status="RUNNING")
        store.write(self._id, self._content, milliseconds_now())

    def _add(self, store: Store, experiment: str, tags: Mapping[str, str]) -> None:
        for run in store.tagged("dvc.experiment", experiment):
            known = run.data.tags.get(SEARCH_KEY, self._key) == self._key
            if known and run.data.tags.get(PARENT_RUN, self._id) == self._id:
                for name, value in {PARENT_RUN: self._id, SEARCH_KEY: self._key, **tags}.items():
                    store.client.set_tag(run.info.run_id, name, value)

    def _finish(self, store: Store, metrics: Mapping[str, float]) -> None:
        for name, value in metrics.items():
            store.client.log_metric(self._id, name, value)
        store.finish(self._id)

    def _tolerant(self, work: Callable[[Store], None]) -> None:
        if self._warned:
            return
        try:
            self._store = self._store or Store(self._experiment)
            with self._store.alone():
                work(self._store)
        except Exception as error:  # whatever a server, a proxy or a database may raise
            self._warned = True
            warn_not_logged(error)

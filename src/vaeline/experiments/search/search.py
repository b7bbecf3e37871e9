"""A search: trials are proposed, run as DVC experiments, ended early where they fall behind, and gathered."""

import contextlib
import hashlib
import json
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pandas as pd

from vaeline.core.errors import VaelineError
from vaeline.core.locking import HeldElsewhereError, locked
from vaeline.experiments.find import Experiment, expected_stages, find, metrics_at
from vaeline.experiments.launch import unused_name
from vaeline.experiments.search.jobs import Job, Progress
from vaeline.experiments.search.journal import STOP_AFTER, Proposal, SearchJournal
from vaeline.experiments.search.placement import HERE, Placement
from vaeline.experiments.search.runs import SearchRun
from vaeline.experiments.search.sampling import given_changes, planned_trials
from vaeline.experiments.search.space import SearchSpace
from vaeline.experiments.sweep import CODE_CHANGED, experiment_name

SEARCHES = Path(".scratch/search")
FINISHED, PRUNED = "finished", "pruned"


@dataclass(frozen=True)
class SearchResult:
    """What a search came to.

    Attributes:
        space: What was searched.
        table: A row for each trial that has ended: number, params, objectives, epochs, state, experiment.
        best: The numbers of the best trials: one, or the Pareto front.
        failures: Why the others failed, by number.
        command: The command that continues the search.
    """

    space: SearchSpace
    table: pd.DataFrame
    best: Sequence[int]
    failures: dict[int, str]
    command: str


def search(path: Path, shared: tuple[str, ...], command: str, placement: Placement = HERE) -> SearchResult:
    """Runs the trials of a search that have not run yet, and gathers the results of all.

    Args:
        path: The file of the search.
        shared: `key=value` for each param that all trials change.
        command: The command that continues it, for the page.
        placement: Where the trials run.

    Raises:
        VaelineError: If the file is wrong, trials are invalid, or DVC cannot run experiments here.
    """
    space = SearchSpace.read(path, shared)
    planned = [given_changes(space, changes) for changes in planned_trials(space)]
    space.check(planned or list(space.corners()))
    with contextlib.ExitStack() as stack:
        try:
            stack.enter_context(locked(SEARCHES / f"{search_key(space)}.lock", wait=0))
        except HeldElsewhereError:
            raise VaelineError(f"{path}: another command runs this search: wait for it, or stop it") from None
        return Search(space, command).run(placement)


class Search:
    """One search while it runs."""

    def __init__(self, space: SearchSpace, command: str) -> None:
        """Opens its journal and its MLflow run, or makes them."""
        key = search_key(space)
        self.space, self.command = space, command
        self.journal = SearchJournal(space, SEARCHES / f"{key}.log")
        self.failures: dict[int, str] = {}
        self._proposals: dict[Job, Proposal] = {}
        options = space.options.model_dump(exclude={"params"})
        options |= {"params": {k: str(v) for k, v in space.options.params.items()}}
        name = f"search {space.path.stem}"
        self._run = SearchRun(space.base["experiment_name"], name, key, {"search": options})

    def run(self, placement: Placement) -> SearchResult:
        """Runs what is left of it."""
        done = len(self.journal.finished())
        with placement.running(self._jobs(), self.journal.total, done, self._shorten) as runs:
            for job, progress in runs:
                self._ended(self._proposals[job], progress)
        table = self._table()
        if table.empty:
            raise VaelineError("; ".join(dict.fromkeys(self.failures.values())) or "no trial has ended")
        self._run.finish(self._best_metrics(table))
        return SearchResult(self.space, table, self.journal.best(), self.failures, self.command)

    def _ended(self, proposal: Proposal, progress: Progress) -> None:
        if progress.reason:
            self._fail(proposal, progress.reason)
        elif experiment := find(self._params(proposal)):
            self._finish(proposal, experiment)
        else:
            self._fail(proposal, CODE_CHANGED)

    def _jobs(self) -> Iterator[Job]:
        """Yields an experiment for each trial that has none yet."""
        for proposal in self.journal.proposals():
            try:
                known = find(self._params(proposal))
            except VaelineError as error:  # a proposal of TPE between two valid ends
                self._fail(proposal, str(error))
                continue
            if known:
                self._finish(proposal, known)
                continue
            yield self._job(proposal)

    def _job(self, proposal: Proposal) -> Job:
        overrides = self._overrides(proposal)
        training = experiment_name(self.space.overrides(dict(proposal.changes)))
        job = Job(unused_name(experiment_name(overrides)), overrides, training)
        self._proposals[job] = proposal
        return job

    def _shorten(self, job: Job, progress: Progress) -> Job | None:
        """Returns the job that a pruned trial goes on as: it ends with its next epoch, and is evaluated."""
        proposal = self._proposals[job]
        if proposal.stop_after or not self.journal.report(proposal, progress.elbos):
            return None
        if progress.epoch + 1 >= self.space.base["epochs"]:
            return None  # it is as good as finished
        return self._job(self.journal.shorten(proposal, progress.epoch + 1))

    def _finish(self, proposal: Proposal, experiment: Experiment) -> None:
        metrics = metrics_at(experiment.rev)
        numbers = [name for name, value in metrics.items() if isinstance(value, int | float)]
        if missing := [name for name in self.space.options.objectives if name not in numbers]:
            stage = missing[0].partition("/")[0]
            names = sorted(name for name in numbers if name.startswith(f"{stage}/"))
            raise VaelineError(
                f"{self.space.path}: objectives: no metric {missing[0]!r}; there are {', '.join(names)}"
            )
        values = [float(metrics[name]) for name in self.space.options.objectives]
        self.journal.finish(proposal, experiment.name, values)
        tags = {"search.trial": str(proposal.number), "search.state": _state(proposal)}
        self._run.add(experiment.name, tags)

    def _fail(self, proposal: Proposal, reason: str) -> None:
        self.failures[proposal.number] = reason
        self.journal.fail(proposal, reason)

    def _params(self, proposal: Proposal) -> dict[str, Any]:
        return self.space.params(self._changes(proposal))

    def _overrides(self, proposal: Proposal) -> tuple[str, ...]:
        return self.space.overrides(self._changes(proposal))

    def _changes(self, proposal: Proposal) -> dict[str, Any]:
        pruned = {STOP_AFTER: proposal.stop_after} if proposal.stop_after else {}
        return dict(proposal.changes) | pruned

    def _table(self) -> pd.DataFrame:
        rows = []
        for proposal in self.journal.finished():
            if not (experiment := find(self._params(proposal))):
                continue  # somebody has removed it
            metrics = metrics_at(experiment.rev)
            results = {name: metrics[name] for name in self.space.options.objectives}
            state = {"state": _state(proposal)}
            made_by = {"experiment": experiment.name, "revision": experiment.rev}
            epochs = {"epochs": metrics["train/epochs"]}
            row = dict(proposal.changes) | results | epochs | state | made_by
            rows.append({"trial": proposal.number} | row)
        return pd.DataFrame(rows)

    def _best_metrics(self, table: pd.DataFrame) -> dict[str, float]:
        best = self.journal.best()
        if len(best) != 1:
            return {}
        row = table[table["trial"] == best[0]].iloc[0]
        return {name: float(row[name]) for name in self.space.options.objectives}


def _state(proposal: Proposal) -> str:
    return PRUNED if proposal.stop_after else FINISHED


def search_key(space: SearchSpace) -> str:
    """Returns what names a search: a hash of its file, but for the number of trials, and of the code.

    With more trials it is the same search, which goes on.
    """
    options = space.options.model_dump(exclude={"trials"})
    content = json.dumps([options, space.base, expected_stages(space.base)], sort_keys=True, default=str)
    return hashlib.sha256(content.encode()).hexdigest()[:12]

"""The trials of a search, in a journal that outlives the command."""

import warnings
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from vaeline.experiments.search.sampling import (
    distributions,
    given_changes,
    planned_trials,
    pruner,
    sampler,
    unique_changes,
)
from vaeline.experiments.search.space import Changes, SearchSpace

# isort: split
# After `sampling`, which says how to install it where it is missing.
import optuna
from optuna.storages import JournalStorage
from optuna.storages.journal import JournalFileBackend
from optuna.trial import FrozenTrial, TrialState

STOP_AFTER = "stop_after"
EXPERIMENT = "experiment"
REASON = "reason"


@dataclass(frozen=True)
class Proposal:
    """One trial.

    Attributes:
        number: From 1.
        changes: The value of each param that varies.
        stop_after: The epoch that it ends with, if it has been pruned; else 0.
    """

    number: int
    changes: tuple[tuple[str, Any], ...]
    stop_after: int = 0


class SearchJournal:
    """The trials of one search.

    A grid and random trials are known from the start. TPE (Bergstra et al. 2011; Ozaki et al. 2022 for two
    objectives) proposes the next trial when there is room for it.
    """

    def __init__(self, space: SearchSpace, path: Path) -> None:
        """Opens the journal, which is made if it is missing."""
        optuna.logging.set_verbosity(optuna.logging.ERROR)
        path.parent.mkdir(parents=True, exist_ok=True)
        self.space = space
        self._study = optuna.create_study(
            storage=JournalStorage(JournalFileBackend(str(path))),
            study_name=path.stem,
            directions=list(space.options.objectives.values()),
            pruner=pruner(space),
            load_if_exists=True,
        )
        self._planned = planned_trials(space)

    @property
    def total(self) -> int:
        """How many trials the search has."""
        return len(self._planned) or self.space.options.trials or 0

    def proposals(self) -> Iterator[Proposal]:
        """Yields what is left to run: first what was begun, or has failed, under an earlier command."""
        before = self._trials()
        failed = [trial for trial in before if trial.state == TrialState.FAIL]
        begun = [trial.params for trial in before if trial.state != TrialState.FAIL]
        yield from [self._proposal(trial) for trial in before if trial.state == TrialState.RUNNING]
        for again in unique_changes([t.params for t in failed]):
            if again not in begun:
                yield self._ask(again)
        for planned in self._planned:
            if planned not in [trial.params for trial in self._trials()]:
                yield self._ask(planned)
        while not self._planned and len(self._trials()) - len(failed) < self.total:
            yield self._ask(None)

    def report(self, proposal: Proposal, elbos: dict[int, float]) -> bool:
        """Takes note of the validation ELBOs of epochs, and returns whether the trial is to end early."""
        if self.space.options.pruner == "none":
            return False
        trial = self._live(proposal)
        reported = self._frozen(proposal).intermediate_values
        for epoch in sorted(elbos.keys() - reported.keys()):
            trial.report(elbos[epoch], epoch)
            if trial.should_prune():
                return True
        return False

    def shorten(self, proposal: Proposal, stop_after: int) -> Proposal:
        """Returns the trial as it is once it has been pruned."""
        self._live(proposal).set_user_attr(STOP_AFTER, stop_after)
        return Proposal(proposal.number, proposal.changes, stop_after)

    def finish(self, proposal: Proposal, experiment: str, values: list[float]) -> None:
        """Keeps the results of a trial; those of a pruned one are no candidates for the best."""
        self._live(proposal).set_user_attr(EXPERIMENT, experiment)
        if proposal.stop_after:
            self._study.tell(proposal.number - 1, state=TrialState.PRUNED)
        else:
            self._study.tell(proposal.number - 1, values)

    def fail(self, proposal: Proposal, reason: str) -> None:
        """Keeps why a trial failed; the next command runs it again."""
        self._live(proposal).set_user_attr(REASON, reason)
        self._study.tell(proposal.number - 1, state=TrialState.FAIL)

    def finished(self) -> list[Proposal]:
        """Returns the trials that have ended, pruned ones included."""
        ended = (TrialState.COMPLETE, TrialState.PRUNED)
        return [self._proposal(trial) for trial in self._trials() if trial.state in ended]

    def experiment(self, proposal: Proposal) -> str:
        """Returns the name of the experiment of a trial that has ended."""
        return str(self._frozen(proposal).user_attrs[EXPERIMENT])

    def best(self) -> list[int]:
        """Returns the number of the best trial, or those of the Pareto front by their first value."""
        front = sorted(self._study.best_trials, key=lambda trial: trial.values[0])
        return [trial.number + 1 for trial in front]

    def _trials(self) -> list[FrozenTrial]:
        return self._study.get_trials(deepcopy=False)

    def _ask(self, changes: Changes | None) -> Proposal:
        """Returns the next trial: with `changes` as Optuna keeps them, or proposed by the sampler."""
        number = len(self._trials())
        self._study.sampler = sampler(self.space, number)
        if changes is not None:
            self._study.enqueue_trial(changes)
        return self._proposal(self._frozen_of(self._study.ask(distributions(self.space)).number))

    def _frozen(self, proposal: Proposal) -> FrozenTrial:
        return self._frozen_of(proposal.number - 1)

    def _frozen_of(self, number: int) -> FrozenTrial:
        return self._trials()[number]

    def _live(self, proposal: Proposal) -> optuna.Trial:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            return optuna.Trial(self._study, self._frozen(proposal)._trial_id)

    def _proposal(self, trial: FrozenTrial) -> Proposal:
        changes = given_changes(self.space, trial.params)
        return Proposal(trial.number + 1, tuple(changes.items()), trial.user_attrs.get(STOP_AFTER, 0))

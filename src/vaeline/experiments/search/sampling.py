"""How Optuna proposes and prunes the trials of a search."""

import json
from collections.abc import Sequence
from typing import Any

from vaeline.core.errors import VaelineError
from vaeline.experiments.search.space import Changes, ParamRange, SearchSpace

try:
    import optuna
    from optuna.distributions import (
        BaseDistribution,
        CategoricalDistribution,
        FloatDistribution,
        IntDistribution,
    )
except ModuleNotFoundError as error:
    raise VaelineError(f"{error.name} is not installed: `pip install 'vaeline[search]'`") from None

STARTUP = 10  # random trials before TPE has enough to learn from: Optuna's own number


def planned_trials(space: SearchSpace) -> list[Changes]:
    """Returns the trials that are known from the start, as Optuna keeps them: all but those of TPE."""
    if space.options.sampler == "grid":
        return [{key: _kept(value) for key, value in changes.items()} for changes in space.grid()]
    if space.options.sampler == "tpe":
        return []
    study, planned = optuna.create_study(), []
    for number in range(space.options.trials or 0):
        study.sampler = sampler(space, number)
        planned.append(study.ask(distributions(space)).params)
    return unique_changes(planned)


def unique_changes(trials: Sequence[Changes]) -> list[Changes]:
    """Returns each of `trials` once."""
    return list({json.dumps(changes, sort_keys=True): changes for changes in trials}.values())


def given_changes(space: SearchSpace, kept: Changes) -> Changes:
    """Returns the values of a trial as the file gave them, from what Optuna keeps."""
    return {key: space.typed(key, _given(kept[key])) for key in space.ranges}


def sampler(space: SearchSpace, number: int) -> optuna.samplers.BaseSampler:
    """Returns the sampler of one trial, with a seed of its own: a resumed search proposes the same ones."""
    seed = space.options.seed * 100_003 + number
    if space.options.sampler == "tpe":
        return optuna.samplers.TPESampler(n_startup_trials=STARTUP, seed=seed)
    return optuna.samplers.RandomSampler(seed=seed)


def pruner(space: SearchSpace) -> optuna.pruners.BasePruner:
    """Returns ASHA (Li et al. 2020), in the form that stops trials, or what prunes nothing."""
    options = space.options
    if options.pruner == "none":
        return optuna.pruners.NopPruner()
    return optuna.pruners.SuccessiveHalvingPruner(options.min_epochs, options.reduction)


def distributions(space: SearchSpace) -> dict[str, BaseDistribution]:
    """Returns what each param that varies is drawn from, as Optuna puts it."""
    return {key: _distribution(space, key, values) for key, values in space.ranges.items()}


def _distribution(space: SearchSpace, key: str, values: list[Any] | ParamRange) -> BaseDistribution:
    if space.options.sampler == "grid" or isinstance(values, list):
        return CategoricalDistribution([_kept(value) for value in space.values(key)])
    if key in space.whole:
        return IntDistribution(int(values.low), int(values.high), values.log, int(values.step or 1))
    return FloatDistribution(values.low, values.high, values.log, values.step)


def _kept(value: Any) -> Any:
    """Returns a value as Optuna keeps it: lists are no categories of it."""
    return json.dumps(value) if isinstance(value, list) else value


def _given(value: Any) -> Any:
    """Returns a value as the file gave it."""
    return json.loads(value) if isinstance(value, str) and value.startswith("[") else value

"""Which trials a search runs, ends early and resumes, and what it comes to, with trials that are made up."""

import contextlib
import functools
import json
from dataclasses import dataclass, field

import numpy as np
import optuna
import pytest
import yaml

from vaeline.core.errors import VaelineError
from vaeline.core.params import flatten_params
from vaeline.experiments import find
from vaeline.experiments.find import Experiment
from vaeline.experiments.overrides import parsed_override
from vaeline.experiments.search import jobs, search
from vaeline.experiments.search.jobs import Executor, Job, Progress, RunningJob
from vaeline.experiments.search.placement import Placement

EPOCHS = 9


def elbo(beta: float, epoch: int) -> float:
    """A training that is better with a smaller β from its first epoch on."""
    return -100 - 10 * beta - 10 / epoch


@dataclass
class MadeUp(Executor):
    """Trials that advance by one epoch with each look, and a dictionary in place of DVC's experiments."""

    room: int = 2
    finished: dict[str, Experiment] = field(default_factory=dict)
    metrics: dict[str, dict[str, float]] = field(default_factory=dict)
    epochs: list[tuple[str, int]] = field(default_factory=list)
    started: list[str] = field(default_factory=list)
    states: dict[float, int] = field(default_factory=dict)
    failing: tuple[float, ...] = ()
    interrupt_after: int = 10**9

    @property
    def at_once(self) -> int:
        return self.room

    @contextlib.contextmanager
    def executor(self):
        yield self

    running = Placement.running

    def start(self, job: Job) -> RunningJob:
        self.started.append(job.name)
        return MadeUpJob(self, job)

    def find(self, params):
        return self.finished.get(key(params))

    def metrics_at(self, rev):
        return self.metrics[rev]


def key(params) -> str:
    flat = flatten_params(params)
    return f"{flat['beta']:g}/{flat['stop_after']}"


class MadeUpJob(RunningJob):
    def __init__(self, place: MadeUp, job: Job) -> None:
        values = dict(map(parsed_override, job.overrides))
        self.place, self.job, self.beta = place, job, float(values["beta"])
        self.stop_after = int(values.get("stop_after", 0))

    def look(self) -> Progress:
        if self.beta in self.place.failing:
            return Progress(ended=True, reason=f"{self.job.name} failed: it is made to")
        epoch = self.place.states.get(self.beta, 0) + 1
        if len(self.place.epochs) >= self.place.interrupt_after:
            raise KeyboardInterrupt
        self.place.epochs.append((f"{self.beta:g}", epoch))
        self.place.states[self.beta] = epoch
        last = self.stop_after or EPOCHS
        elbos = {e: elbo(self.beta, e) for e in range(1, epoch + 1)}
        if epoch >= last:
            self.end(last)
        return Progress("", elbos, epoch, ended=epoch >= last)

    def end(self, epochs: int) -> None:
        rev = f"{self.beta:g}/{self.stop_after}"
        self.place.finished[rev] = Experiment(self.job.name, rev)
        self.place.metrics[rev] = {
            "train/best_valid_elbo": elbo(self.beta, epochs), "train/epochs": epochs,
            "evaluate/rate": 5 / self.beta, "evaluate/distortion": 100 + 10 * self.beta,
        }  # fmt: skip

    def stop(self) -> None:
        pass


@functools.cache
def expected_once(params: str) -> dict:
    """What this code would run, which takes most of a second to find out."""
    return find.expected_stages(json.loads(params))


@pytest.fixture
def made_up(monkeypatch, tmp_path, at_the_root):
    place = MadeUp()
    monkeypatch.setattr(search, "expected_stages", lambda params: expected_once(json.dumps(params)))
    monkeypatch.setattr(search, "find", place.find)
    monkeypatch.setattr(search, "metrics_at", place.metrics_at)
    monkeypatch.setattr(search, "unused_name", str)
    monkeypatch.setattr(search, "SEARCHES", tmp_path / "searches")
    monkeypatch.setattr(search, "SearchRun", NoRun)
    monkeypatch.setattr(jobs, "LOOK_AGAIN", 0)
    return place


class NoRun:
    added: list = []  # noqa: RUF012 (of one test, which empties it)

    def __init__(self, *_):
        pass

    def add(self, experiment, tags):
        self.added.append((experiment, tags))

    def finish(self, metrics):
        pass


@pytest.fixture
def run(made_up, tmp_path):
    def of(**content):
        path = tmp_path / "space.yaml"
        path.write_text(yaml.safe_dump({"fixed": {"epochs": EPOCHS}} | content))
        return search.search(path, (), "vaeline search space.yaml", made_up)

    return of


GRID = {"params": {"beta": [4.0, 0.5, 1.0, 2.0]}, "sampler": "grid"}


def test_every_trial_of_a_grid_runs_once_and_the_best_is_named(made_up, run):
    result = run(**GRID)
    assert sorted(made_up.started) == [f"epochs=9_beta={beta}" for beta in ("0.5", "1", "2", "4")]
    assert result.table["train/best_valid_elbo"].tolist() == [elbo(beta, EPOCHS) for beta in (4, 0.5, 1, 2)]
    assert result.table["state"].tolist() == ["finished"] * 4
    assert result.best == [2]
    run(**GRID)
    assert len(made_up.started) == 4  # a second call runs nothing


def test_trial_that_has_run_under_another_name_is_not_run_again(made_up, run):
    MadeUpJob(made_up, Job("other", ("beta=4",))).end(EPOCHS)
    assert run(**GRID).table["experiment"].tolist()[0] == "other"
    assert len(made_up.started) == 3


def test_asha_ends_what_falls_behind_and_keeps_what_it_had(made_up, run):
    NoRun.added.clear()
    made_up.room = 1
    result = run(**GRID | {"pruner": "asha", "reduction": 2, "params": {"beta": [0.5, 4.0, 1.0, 0.25]}})
    table = result.table.set_index("beta")
    assert table["state"].to_dict() == {0.5: "finished", 4.0: "pruned", 1.0: "pruned", 0.25: "finished"}
    assert table["epochs"].to_dict() == {0.5: 9, 4.0: 2, 1.0: 2, 0.25: 9}
    assert table.loc[4.0, "experiment"] == "epochs=9_beta=4_stop_after=2"
    assert [epoch for beta, epoch in made_up.epochs if beta == "4"] == [
        1,
        2,
    ]  # it continued, and was not begun again
    assert result.best == [4]
    assert dict(NoRun.added)["epochs=9_beta=4_stop_after=2"] == {
        "search.trial": "2",
        "search.state": "pruned",
    }


@pytest.mark.parametrize("interrupt_after", [1, 5, 13])
def test_search_that_was_stopped_resumes_what_it_had_begun(made_up, run, interrupt_after):
    made_up.interrupt_after = interrupt_after
    with pytest.raises(KeyboardInterrupt):
        run(**GRID)
    made_up.interrupt_after = 10**9
    result = run(**GRID)
    assert result.table["trial"].tolist() == [1, 2, 3, 4]
    assert sorted(made_up.epochs) == sorted(
        (f"{b:g}", e) for b in (4, 0.5, 1, 2) for e in range(1, EPOCHS + 1)
    )


def test_trial_that_failed_is_told_and_runs_again_with_the_next_command(made_up, run):
    made_up.failing = (2.0,)
    result = run(**GRID)
    assert result.failures == {4: "epochs=9_beta=2 failed: it is made to"}
    assert result.table["beta"].tolist() == [4.0, 0.5, 1.0]
    made_up.failing = ()
    assert run(**GRID).table["beta"].tolist() == [4.0, 0.5, 1.0, 2.0]


def test_random_trials_are_the_same_again_and_more_of_them_continue_the_search(made_up, run):
    content = {"params": {"beta": {"low": 0.1, "high": 8, "log": True}}, "sampler": "random"}
    first = run(**content, trials=3).table["beta"].tolist()
    assert len(set(first)) == 3
    assert run(**content, trials=5).table["beta"].tolist()[:3] == first
    assert len(made_up.started) == 5


def test_tpe_proposes_what_optuna_proposes_for_the_same_results(made_up, run):
    made_up.room = 1
    betas = run(params={"beta": {"low": 0.1, "high": 8}}, trials=14).table["beta"].to_numpy()
    peer = optuna.create_study(direction="maximize")
    for number in range(14):
        peer.sampler = optuna.samplers.TPESampler(seed=number)
        trial = peer.ask()
        peer.tell(trial, elbo(float(f"{trial.suggest_float('beta', 0.1, 8):g}"), EPOCHS))
    np.testing.assert_allclose(betas, [trial.params["beta"] for trial in peer.trials], rtol=0.05)
    assert betas[10:].mean() < betas[:10].mean()


def test_two_objectives_have_a_front_that_no_other_trial_dominates(made_up, run):
    objectives = {"evaluate/rate": "minimize", "evaluate/distortion": "minimize"}
    result = run(**GRID, objectives=objectives)
    assert sorted(result.best) == [1, 2, 3, 4]  # of these, a lower rate always costs distortion
    assert result.best == [2, 3, 4, 1]  # by distortion, which stands first in the file


def test_metric_that_no_stage_has_ends_the_search_with_those_that_there_are(made_up, run):
    with pytest.raises(
        VaelineError, match=r"no metric 'evaluate/elb'; there are evaluate/distortion, evaluate/rate"
    ):
        run(**GRID, objectives={"evaluate/elb": "maximize"})

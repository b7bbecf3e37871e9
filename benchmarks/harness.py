"""Contestants at the same work, in turn and repeatedly: paired ratios with their median and quartiles."""

import contextlib
import io
import sys
import time
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, Self

import numpy as np
import torch

from vaeline.core.progress import bar

VAELINE = "vaeline"


@dataclass(frozen=True)
class Contestant:
    """One call of `run` does `units` of the work that all are compared at."""

    run: Callable[[], object]
    units: float = 1.0


@dataclass(frozen=True)
class Ratio:
    """A ratio beside its goal: the median over rounds and their quartiles; larger is better throughout.

    `more` holds further keys, such as absolute seconds.
    """

    work: str
    against: str
    ratio: float
    spread: tuple[float, float]
    goal: float | None = None
    more: Mapping[str, Any] = field(default_factory=dict)
    same: bool = True
    """Whether both came to the same result: else no goal is reached."""

    @classmethod
    def of(
        cls, work: str, against: str, ratios: Sequence[float], goal: float | None = None, **more: Any
    ) -> Self:
        """Returns the row of one ratio a round."""
        low, middle, high = (significant(value) for value in np.quantile(ratios, (0.25, 0.5, 0.75)))
        return cls(work, against, middle, (low, high), goal, {"rounds": len(ratios), **more})

    @property
    def met(self) -> bool | None:
        """Whether the goal is reached, None where there is none."""
        return None if self.goal is None else self.same and self.ratio >= self.goal

    def to_dict(self) -> dict[str, Any]:
        """Returns the row as plain values."""
        named = {"work": self.work, "against": self.against, "ratio": self.ratio, "spread": list(self.spread)}
        return {**named, "goal": self.goal, "met": self.met, **self.more}


@dataclass(frozen=True)
class Times:
    """Seconds for one unit of work by contestant: in the call before the first round, and in each round."""

    first: dict[str, float]
    rounds: dict[str, list[float]]

    def row(
        self, work: str, against: str, goal: float | None = None, share: bool = False, **more: Any
    ) -> Ratio:
        """Returns how many times as long as we `against` takes; with `share`, it is a part of our work."""
        theirs, ours = self.rounds[against], self.rounds[VAELINE]
        ratios = [other / own for other, own in zip(theirs, ours, strict=True)]
        seconds = {"seconds": self.median(VAELINE), "seconds_against": self.median(against)}
        return Ratio.of(work, f"{against} (share)" if share else against, ratios, goal, **seconds, **more)

    def plus(self, name: str, seconds: float) -> "Times":
        """Returns the same times with `seconds` a unit more in each round of `name`."""
        longer = {name: [value + seconds for value in self.rounds[name]]}
        return Times(self.first, self.rounds | longer)

    def median(self, name: str) -> float:
        """Returns the median over the rounds, in seconds a unit."""
        return significant(np.median(self.rounds[name]))

    def extra_of_the_first(self, name: str = VAELINE) -> float:
        """Returns what the first call took more than a median one, in seconds a unit: compiling, mostly."""
        return significant(max(0.0, self.first[name] - np.median(self.rounds[name])))


def race(
    work: str,
    contestants: Mapping[str, Contestant],
    rounds: int,
    clock: Callable[[], float] = time.perf_counter,
) -> Times:
    """Returns the times of all `contestants` in `rounds` rounds, each round in the opposite order.

    In a round everyone does its work once, so that what slows the machine for a while slows all alike.
    """
    first: dict[str, float] = {}
    times: dict[str, list[float]] = {name: [] for name in contestants}
    order = list(contestants)
    with bar(total=(rounds + 1) * len(contestants), desc=work, unit="run") as progress:
        for number in range(rounds + 1):
            for name in order:
                progress.set_postfix_str(name, refresh=sys.stderr.isatty())
                seconds = _timed(contestants[name].run, clock) / contestants[name].units
                times[name].append(seconds) if number else first.update({name: seconds})
                progress.update()
            order.reverse()
    return Times(first, times)


def _timed(run: Callable[[], object], clock: Callable[[], float]) -> float:
    with contextlib.redirect_stdout(io.StringIO()), contextlib.redirect_stderr(io.StringIO()):
        synchronise()
        started = clock()
        run()
        synchronise()
        return clock() - started


def synchronise() -> None:
    """Waits for the device, which otherwise works on after the call that gave it work."""
    if torch.cuda.is_available():
        torch.cuda.synchronize()


def significant(value: float) -> float:
    """Returns `value` with four significant digits."""
    return float(f"{value:.4g}")

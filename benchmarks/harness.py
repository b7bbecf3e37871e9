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
QUARTILES = (0.25, 0.5, 0.75)


@dataclass(frozen=True)
class Contestant:
    """One call of `run` does `units` of the work that is compared."""

    run: Callable[[], object]
    units: float = 1.0


@dataclass(frozen=True)
class Ratio:
    """A ratio beside its goal; larger is better throughout.

    Attributes:
        work: What was measured.
        against: What it was compared with.
        ratio: The median over rounds.
        quartiles: The lower and the upper quartile over rounds.
        goal: The ratio to reach, None where there is none.
        details: Further keys of the row, such as absolute seconds.
        same: Whether both contestants computed the same result; without that, no goal is reached.
    """

    work: str
    against: str
    ratio: float
    quartiles: tuple[float, float]
    goal: float | None = None
    details: Mapping[str, Any] = field(default_factory=dict)
    same: bool = True

    @classmethod
    def of(
        cls, work: str, against: str, ratios: Sequence[float], goal: float | None = None, **details: Any
    ) -> Self:
        """Returns the median and quartiles of one ratio a round."""
        low, middle, high = (significant(value) for value in np.quantile(ratios, QUARTILES))
        return cls(work, against, middle, (low, high), goal, {"rounds": len(ratios), **details})

    @property
    def met(self) -> bool | None:
        """Whether the goal is reached, None where there is none."""
        return None if self.goal is None else self.same and self.ratio >= self.goal

    def to_dict(self) -> dict[str, Any]:
        """Returns the row as plain values."""
        return {
            "work": self.work,
            "against": self.against,
            "ratio": self.ratio,
            "spread": list(self.quartiles),
            "goal": self.goal,
            "met": self.met,
            **self.details,
        }


@dataclass(frozen=True)
class Times:
    """Seconds for one unit of work by contestant: in the call before the first round, and in each round."""

    first: dict[str, float]
    rounds: dict[str, list[float]]

    def ratio(
        self, work: str, against: str, goal: float | None = None, *, share: bool = False, **details: Any
    ) -> Ratio:
        """Returns the ratio of `against`'s time to ours; with `share`, its work is a part of ours."""
        theirs, ours = self.rounds[against], self.rounds[VAELINE]
        ratios = [peer / own for peer, own in zip(theirs, ours, strict=True)]
        seconds = {"seconds": self.median(VAELINE), "seconds_against": self.median(against)}
        return Ratio.of(work, f"{against} (share)" if share else against, ratios, goal, **seconds, **details)

    def plus(self, name: str, seconds: float) -> "Times":
        """Returns these times with `seconds` a unit more in each round of `name`."""
        longer = {name: [value + seconds for value in self.rounds[name]]}
        return Times(self.first, self.rounds | longer)

    def median(self, name: str) -> float:
        """Returns the median over the rounds, in seconds a unit."""
        return significant(np.median(self.rounds[name]))

    def warm_up(self, name: str = VAELINE) -> float:
        """Returns by how much the first call took longer than a median one, in seconds a unit.

        Mostly the time of compiling.
        """
        return significant(max(0.0, self.first[name] - float(np.median(self.rounds[name]))))


def race(
    work: str,
    contestants: Mapping[str, Contestant],
    rounds: int,
    clock: Callable[[], float] = time.perf_counter,
) -> Times:
    """Returns the times of all `contestants` in `rounds` rounds, in alternating order.

    Each contestant works once a round, so that whatever slows the machine for a while slows all alike.
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
    """Waits for the device, which otherwise goes on working after the call that gave it work."""
    if torch.cuda.is_available():
        torch.cuda.synchronize()


def significant(value: float | np.floating[Any]) -> float:
    """Returns `value` with four significant digits."""
    return float(f"{value:.4g}")

"""Work: how time and memory grow, beside a straight line."""

import contextlib
import tempfile
from collections.abc import Mapping
from pathlib import Path

from benchmarks.harness import Contestant, Ratio, Times, race
from benchmarks.loop import MLP_PARAMS, mnist, stage_loop, vae
from benchmarks.memory import of_size, peak
from vaeline.evaluation.estimators.bounds import importance_bounds

STRAIGHT = 0.9  # at the most a tenth more for each image or draw than at the smallest size
EPOCH_SIZES = (10_000, 20_000, 40_000, 60_000)
KS = {10: 1024, 100: 256, 1000: 64, 5000: 32}  # with as many images


def growth() -> list[Ratio]:
    """An epoch's time and memory in N, IWAE's time in K."""
    low, high = peak("epoch", EPOCH_SIZES[0]), peak("epoch", EPOCH_SIZES[-1])
    sizes = f"N = {EPOCH_SIZES[0]:,} beside {EPOCH_SIZES[-1]:,}"
    return [
        _row("epoch time in N", _epochs()),
        _row("iwae time in K", _bounds()),
        Ratio.of("epoch memory", sizes, [low / high], STRAIGHT, megabytes=high),
    ]


def _row(work: str, times: Times) -> Ratio:
    """The time for a unit at the smallest size, over the longest one at any other."""
    smallest, *others = times.rounds.values()
    ratios = [unit / max(units) for unit, *units in zip(smallest, *others, strict=True)]
    per_unit = {name: times.median(name) for name in times.rounds}
    return Ratio.of(work, "a straight line", ratios, STRAIGHT, seconds_per_unit=per_unit)


def _epochs() -> Times:
    with contextlib.ExitStack() as stack:
        contestants = {}
        for n in EPOCH_SIZES:
            folder = stack.enter_context(tempfile.TemporaryDirectory())
            epochs = stack.enter_context(stage_loop(*of_size(n), Path(folder), **MLP_PARAMS))
            contestants[f"{n:,} images"] = Contestant(lambda epochs=epochs: next(epochs), n)
        return race("epoch time in N", contestants, rounds=3)


def _bounds() -> Times:
    model, valid = vae(MLP_PARAMS).eval(), mnist()[1]
    contestants: Mapping[str, Contestant] = {
        f"K = {k:,}": Contestant(lambda k=k, n=n: importance_bounds(model, valid[:n], (k,)), n * k)
        for k, n in KS.items()
    }
    return race("iwae time in K", contestants, rounds=3)

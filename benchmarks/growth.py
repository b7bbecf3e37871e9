"""How time and memory grow with the size of the work, beside a straight line."""

import contextlib
import tempfile
from functools import partial
from pathlib import Path

from benchmarks.harness import Contestant, Ratio, Times, race
from benchmarks.loop import stage_loop
from benchmarks.memory import images_of_size, peak_memory
from benchmarks.models import MLP_PARAMS, mnist, vae
from vaeline.evaluation.estimators.bounds import importance_bounds

STRAIGHT = 0.9  # for each image or draw, at most a tenth more than at the smallest size
EPOCH_SIZES = (10_000, 20_000, 40_000, 60_000)
IMAGES_OF_K = {10: 1024, 100: 256, 1000: 64, 5000: 32}


def growth() -> list[Ratio]:
    """An epoch's time and memory in the number of images N, and IWAE's time in K."""
    low, high = peak_memory("epoch", EPOCH_SIZES[0]), peak_memory("epoch", EPOCH_SIZES[-1])
    sizes = f"N = {EPOCH_SIZES[0]:,} beside {EPOCH_SIZES[-1]:,}"
    return [
        _linearity("epoch time in N", _epochs()),
        _linearity("iwae time in K", _bounds()),
        Ratio.of("epoch memory", sizes, [low / high], STRAIGHT, megabytes=high),
    ]


def _linearity(work: str, times: Times) -> Ratio:
    """Returns the ratio of the time for a unit at the smallest size to the longest at any other size."""
    smallest, *larger = times.rounds.values()
    ratios = [unit / max(units) for unit, *units in zip(smallest, *larger, strict=True)]
    per_unit = {name: times.median(name) for name in times.rounds}
    return Ratio.of(work, "a straight line", ratios, STRAIGHT, seconds_per_unit=per_unit)


def _epochs() -> Times:
    with contextlib.ExitStack() as stack:
        contestants = {}
        for n in EPOCH_SIZES:
            folder = stack.enter_context(tempfile.TemporaryDirectory())
            epochs = stack.enter_context(stage_loop(*images_of_size(n), Path(folder), **MLP_PARAMS))
            contestants[f"{n:,} images"] = Contestant(partial(next, epochs), n)
        return race("epoch time in N", contestants, rounds=3)


def _bounds() -> Times:
    model, valid = vae(MLP_PARAMS).eval(), mnist()[1]
    contestants = {
        f"K = {k:,}": Contestant(partial(importance_bounds, model, valid[:n], (k,)), n * k)
        for k, n in IMAGES_OF_K.items()
    }
    return race("iwae time in K", contestants, rounds=3)

"""Measures where the time of each kind of work goes, and writes docs/results/breakdown.md.

It takes four minutes on two idle cores, with MNIST prepared (`dvc repro prepare`).
"""

import argparse
import contextlib
import os
import sys
import tempfile
import time
from collections import defaultdict
from collections.abc import Callable, Iterator, Mapping
from pathlib import Path
from typing import Any
from unittest.mock import patch

from torch import Tensor

from benchmarks.likelihoods import TEST_IMAGES, bound_products
from benchmarks.loop import stage_loop
from benchmarks.machine import measured_where
from benchmarks.models import MLP_PARAMS, mnist, noise_images, vae
from benchmarks.peers import Plain
from benchmarks.products import products, replay
from benchmarks.training import BURDA_PARAMS, CONV_IMAGES, CONV_PARAMS, CONV_SHAPE, HELD_OUT, MNIST
from vaeline.config import ExperimentConfig
from vaeline.core.errors import VaelineError
from vaeline.core.files import write_text
from vaeline.evaluation.compiling.library import Library
from vaeline.evaluation.estimators.bounds import importance_bounds, k_grid
from vaeline.experiments.markdown import markdown_table
from vaeline.experiments.results import RESULTS
from vaeline.models.distributions.noise import RequestedNoise
from vaeline.runtime.allocation import keep_freed_memory
from vaeline.training import fit
from vaeline.training.optimizers.adam import Adam
from vaeline.training.steps.batches import Batches

BREAKDOWN_ROUNDS = 3
K, SCORED = 5000, 64
PRODUCTS, FUSED = "matrix products or convolutions", "the rest of the compiled function"
OPTIMIZER, READING, NOISE = "Adam", "reading and binarizing images", "noise of z"
VALIDATION, ELSE = "validation", "all else"
COMPILING = "compiling, spread"
INDISPENSABLE = (PRODUCTS, OPTIMIZER, NOISE, VALIDATION)
AT_MOST = "products, if nothing were left but Adam, noise and validation"
PARTS_OF_TIME = (PRODUCTS, FUSED, OPTIMIZER, READING, NOISE, VALIDATION, ELSE, COMPILING)

BREAKDOWN_TEXT = """# Where the time goes

{table}

Of the time of one image, in training with its validation (as the train stage does it), and in the bound of
{k:,} draws: the MLP in batches of 128, the network of Burda et al. (2016) in batches of 20, and the
convolutional network on 3×64×64 in batches of 64. Products are replayed alone between the epochs, and taken
off the time of the compiled function which computes them. What compiling takes on a machine that has not done
it before is spread over a default training on MNIST, or over the bounds of its test images. The last row but
one is what the share of products could be at most: Adam reads and writes all weights and moments at the
memory's rate, and the noise is drawn number by number.

Written by `python -m benchmarks.breakdown`: commit `{commit}`, {machine}.
"""

Seconds = dict[str, float]
"""Seconds of an image by part."""


class Stopwatch:
    """Adds up the time that is spent in functions."""

    def __init__(self) -> None:
        self.seconds: defaultdict[str, float] = defaultdict(float)

    @contextlib.contextmanager
    def around(self, *measured: tuple[object, str, str]) -> Iterator[None]:
        """Measures each function, of an owner and by its name, as a part."""
        with contextlib.ExitStack() as stack:
            for owner, name, part in measured:
                timed = self._timed(getattr(owner, name), part)
                stack.enter_context(patch.object(owner, name, timed))
            yield

    def _timed(self, function: Callable[..., Any], part: str) -> Callable[..., Any]:
        def timed(*arguments: Any, **named: Any) -> Any:
            started = time.perf_counter()
            result = function(*arguments, **named)
            self.seconds[part] += time.perf_counter() - started
            return result

        return timed


def training(images: Tensor, valid: Tensor, changes: Mapping[str, Any]) -> Seconds:
    """Returns the seconds of each part of training on an image."""
    watch, whole, alone, batch_size = Stopwatch(), 0.0, 0.0, changes["batch_size"]
    plain = Plain(vae(changes, tuple(images.shape[1:])))
    runs = products(plain, images[:batch_size].float() / 255, backward=True)
    measured = (
        (Library, "__call__", FUSED),
        (Adam, "move", OPTIMIZER),
        (Batches, "observed", READING),
        (RequestedNoise, "prepared", NOISE),
        (fit, "validate", VALIDATION),
    )
    with tempfile.TemporaryDirectory() as folder, watch.around(*measured):
        with stage_loop(images, valid, Path(folder), **changes) as epochs:
            first = _seconds(lambda: next(epochs))
            next(epochs)
            watch.seconds.clear()
            for _ in range(BREAKDOWN_ROUNDS):
                whole += _seconds(lambda: next(epochs))
                alone += _seconds(lambda: replay(runs, len(images) // batch_size))
    compiling = (first - whole / BREAKDOWN_ROUNDS) / (ExperimentConfig().epochs * MNIST)
    return _parts(watch, whole, alone, BREAKDOWN_ROUNDS * len(images)) | {COMPILING: compiling}


def bounds() -> Seconds:
    """Returns the seconds of each part of the compiled bound of an image."""
    watch, whole, alone = Stopwatch(), 0.0, 0.0
    model = vae(MLP_PARAMS).eval()
    images = model.likelihood.evaluation_set(mnist()[1][:SCORED])
    contestant = bound_products(Plain(model).eval(), images.float() / 255, K)

    def score() -> None:
        importance_bounds(model, images, k_grid(K), compiled=True)

    with watch.around((Library, "__call__", FUSED), (RequestedNoise, "prepared", NOISE)):
        first = _seconds(score)
        watch.seconds.clear()
        for _ in range(BREAKDOWN_ROUNDS):
            whole += _seconds(score)
            alone += _seconds(contestant.run) * SCORED / contestant.units
    return _parts(watch, whole, alone, BREAKDOWN_ROUNDS * SCORED) | {
        COMPILING: (first - whole / BREAKDOWN_ROUNDS) / TEST_IMAGES
    }


def _parts(watch: Stopwatch, whole: float, alone: float, images: int) -> Seconds:
    seconds = dict(watch.seconds)
    rest = whole - sum(seconds.values())
    seconds |= {PRODUCTS: alone, FUSED: seconds[FUSED] - alone, ELSE: rest}
    return {part: value / images for part, value in seconds.items()}


def _seconds(run: Callable[[], object]) -> float:
    started = time.perf_counter()
    run()
    return time.perf_counter() - started


def breakdown() -> dict[str, Seconds]:
    """Returns the seconds of each part of an image, by the work."""
    images, valid = mnist()
    coloured, coloured_valid = noise_images(CONV_SHAPE, CONV_IMAGES, CONV_IMAGES // HELD_OUT)
    return {
        "epoch": training(images, valid, {**MLP_PARAMS, "batch_size": 128}),
        "small_batch": training(images[::2], valid[::2], BURDA_PARAMS),
        "conv": training(coloured, coloured_valid, CONV_PARAMS),
        f"iwae {K}": bounds(),
    }


def breakdown_page(of_work: Mapping[str, Seconds]) -> str:
    """Returns the page."""
    wholes = {work: sum(parts.values()) for work, parts in of_work.items()}
    rows = [("part", *of_work)]
    for part in PARTS_OF_TIME:
        shares = (f"{p[part] / wholes[work]:.0%}" if part in p else "" for work, p in of_work.items())
        rows.append((part, *shares))
    limits = (p[PRODUCTS] / sum(p.get(part, 0.0) for part in INDISPENSABLE) for p in of_work.values())
    rows.append((AT_MOST, *(f"{limit:.0%}" for limit in limits)))
    rows.append(("an image", *(f"{whole * 1e6:.3g} µs" for whole in wholes.values())))
    return BREAKDOWN_TEXT.format(table=markdown_table(rows), k=K, **measured_where())


if __name__ == "__main__":
    argparse.ArgumentParser(prog="python -m benchmarks.breakdown", description=__doc__).parse_args()
    with tempfile.TemporaryDirectory() as cache:
        os.environ["TORCHINDUCTOR_CACHE_DIR"] = cache  # what an earlier run compiled would hide what it costs
        keep_freed_memory()
        try:
            page = breakdown_page(breakdown())
        except VaelineError as error:
            sys.exit(f"benchmarks: {error}")
    write_text(RESULTS / "breakdown.md", page)
    print(page)

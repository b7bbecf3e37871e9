"""Measures speed beside other implementations, and writes docs/results/bench.md, bench.json and bench.png.

Run it on an idle machine, with MNIST prepared (`dvc repro prepare`). All benchmarks take about 15 minutes on
two cores. With names, only those are measured again, and the other rows of the table stay as they are.
"""

import argparse
import logging
import os
import sys
import tempfile
import time
from collections.abc import Callable, Sequence
from typing import Any

from benchmarks import document
from benchmarks.distances import frechet, inception
from benchmarks.growth import growth
from benchmarks.harness import Ratio
from benchmarks.likelihoods import iwae
from benchmarks.machine import machine_description
from benchmarks.pipeline import pipeline
from benchmarks.preparing import prepare
from benchmarks.training import conv, epoch, small_batch
from vaeline.core.errors import VaelineError
from vaeline.provenance.origin import origin_tags

BENCHMARKS: dict[str, Callable[[], list[Ratio]]] = {
    "epoch": epoch,
    "small_batch": small_batch,
    "conv": conv,
    "iwae": iwae,
    "inception": inception,
    "frechet": frechet,
    "prepare": prepare,
    "pipeline": pipeline,
    "growth": growth,
}


def parse_names(arguments: Sequence[str]) -> list[str]:
    """Returns the benchmarks that the command line names, in its order, or all of them."""
    parser = argparse.ArgumentParser(
        prog="python -m benchmarks", description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    lines = (f"{name}: {(run.__doc__ or '').splitlines()[0]}" for name, run in BENCHMARKS.items())
    parser.epilog = "benchmarks:\n  " + "\n  ".join(lines)
    parser.add_argument("names", nargs="*", metavar="NAME", help="benchmarks to run; all of them by default")
    names: list[str] = parser.parse_args(arguments).names
    if unknown := [name for name in names if name not in BENCHMARKS]:
        parser.error(f"there is no benchmark '{unknown[0]}'; choose from: {' '.join(BENCHMARKS)}")
    return names or list(BENCHMARKS)


def run_benchmarks(names: Sequence[str]) -> None:
    """Runs these benchmarks, prints each ratio, and writes docs/results/bench.*."""
    logging.disable(logging.INFO)  # the peers log much
    tags = origin_tags()
    changed = " with uncommitted changes" if tags.get("git.dirty") == "true" else ""
    origin = {"commit": tags.get("git.commit", "")[:10] + changed, "machine": machine_description()}
    rows: list[dict[str, Any]] = []
    for name in names:
        started = time.perf_counter()
        measured = [ratio.to_dict() | {"group": name} | origin for ratio in BENCHMARKS[name]()]
        rows += measured
        lines = [f"{row['work']}: {row['ratio']:.3g} × {row['against']}" for row in measured]
        print(*lines, f"({name}: {time.perf_counter() - started:.0f} s)", sep="\n", flush=True)
    print(document.write_benchmark(rows, list(BENCHMARKS)))


if __name__ == "__main__":
    chosen = parse_names(sys.argv[1:])
    with tempfile.TemporaryDirectory() as cache:
        # Code compiled by an earlier run would hide the cost of compiling.
        os.environ["TORCHINDUCTOR_CACHE_DIR"] = cache
        # As in our stages; it has an effect only if set before CUDA starts.
        os.environ.setdefault("CUBLAS_WORKSPACE_CONFIG", ":4096:8")
        try:
            run_benchmarks(chosen)
        except VaelineError as error:
            sys.exit(f"benchmarks: {error}")

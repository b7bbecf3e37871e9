"""Measures speed beside other implementations, and writes docs/results/bench.md, bench.json and bench.png.

Run it on an idle machine, with MNIST prepared (`dvc repro prepare`). All benchmarks take about 15 minutes on
two cores. With names, only those are measured again, and the other rows of the table stay as they are.
"""

import os
import sys
import tempfile
from collections.abc import Callable, Sequence
from functools import partial

from benchmarks import document
from benchmarks.distances import frechet, inception
from benchmarks.growth import growth
from benchmarks.harness import Ratio
from benchmarks.likelihoods import iwae
from benchmarks.machine import measured_where
from benchmarks.pipeline import pipeline
from benchmarks.preparing import prepare
from benchmarks.running import measure_and_write, parse_names
from benchmarks.starting import start_of_training
from benchmarks.training import conv, epoch, small_batch
from vaeline.core.errors import VaelineError
from vaeline.runtime.allocation import keep_freed_memory

BENCHMARKS: dict[str, Callable[[], list[Ratio]]] = {
    "epoch": epoch,
    "small_batch": small_batch,
    "conv": conv,
    "iwae": iwae,
    "inception": inception,
    "frechet": frechet,
    "prepare": prepare,
    "start": start_of_training,
    "pipeline": pipeline,
    "growth": growth,
}


def run_benchmarks(names: Sequence[str]) -> None:
    """Runs these benchmarks, prints each ratio, and writes docs/results/bench.* after each."""
    write = partial(document.write_benchmark, order=list(BENCHMARKS))
    measure_and_write(names, BENCHMARKS, measured_where(), write)


if __name__ == "__main__":
    chosen = parse_names(sys.argv[1:], BENCHMARKS, "python -m benchmarks", __doc__)
    with tempfile.TemporaryDirectory() as cache:
        # Code compiled by an earlier run would hide the cost of compiling.
        os.environ["TORCHINDUCTOR_CACHE_DIR"] = cache
        # As in our stages; it has an effect only if set before CUDA starts.
        os.environ.setdefault("CUBLAS_WORKSPACE_CONFIG", ":4096:8")
        keep_freed_memory()
        try:
            run_benchmarks(chosen)
        except VaelineError as error:
            sys.exit(f"benchmarks: {error}")

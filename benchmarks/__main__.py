"""`make bench`, or `make bench WORK="epoch iwae"` for a part: the rest of the table stays as it is."""

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
from benchmarks.machine import described
from benchmarks.pipeline import pipeline
from benchmarks.preparing import prepare
from benchmarks.training import conv, epoch, small_batch
from vaeline.core.errors import VaelineError
from vaeline.provenance.origin import origin_tags

WORKS: dict[str, Callable[[], list[Ratio]]] = {
    work.__name__: work
    for work in (epoch, small_batch, conv, iwae, inception, frechet, prepare, pipeline, growth)
}


def main(names: Sequence[str]) -> None:
    """Measures these works and writes docs/results/bench.*; raises VaelineError for an unknown name."""
    if unknown := [name for name in names if name not in WORKS]:
        raise VaelineError(f"WORK: there is no '{unknown[0]}' (known: {' '.join(WORKS)})")
    logging.disable(logging.INFO)  # peers say much
    known = origin_tags()
    dirty = " with code changed since" if known.get("git.dirty") == "true" else ""
    made = {"commit": known.get("git.commit", "")[:10] + dirty, "machine": described()}
    rows: list[dict[str, Any]] = []
    for name in names:
        started = time.perf_counter()
        measured = [row.to_dict() | {"group": name} | made for row in WORKS[name]()]
        rows += measured
        lines = [f"{row['work']}: {row['ratio']:.3g} × {row['against']}" for row in measured]
        print(*lines, f"({name}: {time.perf_counter() - started:.0f} s)", sep="\n", flush=True)
    print(document.write_benchmark(rows, list(WORKS)))


if __name__ == "__main__":
    with tempfile.TemporaryDirectory() as cache:
        # An earlier run's compiled code would hide what compiling costs.
        os.environ["TORCHINDUCTOR_CACHE_DIR"] = cache
        # Our stages ask for it, and it counts only if it stands before CUDA starts.
        os.environ.setdefault("CUBLAS_WORKSPACE_CONFIG", ":4096:8")
        try:
            main(os.environ.get("WORK", "").split() or list(WORKS))
        except VaelineError as error:
            sys.exit(f"bench: {error}")

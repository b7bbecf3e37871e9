"""Puts small faults into the source, and writes which of them the tests see to docs/results/mutants.md.

It takes about twenty minutes on one core, and needs Linux. With the names of parts, only those are tried, and
the other rows of the table stay as they are.
"""

import os
import sys
from collections.abc import Sequence
from pathlib import Path

os.environ["OMP_NUM_THREADS"] = "1"  # before torch is imported: a process with threads must not fork

import pytest

from tests.mutation.mutants import sample_mutants
from tests.mutation.page import write_page
from tests.mutation.trials import Trials
from tests.support.parts import chosen_parts

SOURCE, TESTS = Path("src/vaeline"), Path("tests")
N, SEED = 50, 0
PARTS = {
    "distributions": ("models/distributions", "models/posteriors", "models/test_inference.py"),
    "likelihoods": ("models/likelihoods",),
    "estimators": ("evaluation/estimators",),
    "fid": ("evaluation/fid",),
    "disentanglement": ("evaluation/disentanglement",),
    "objectives": ("training/objectives",),
}
"""The folder of each part, in the source and in the tests, and further tests of it."""


def main(arguments: Sequence[str]) -> int:
    """Tries mutants of the parts that are named, or of all."""
    names = chosen_parts(arguments, PARTS, "python -m tests.mutation", __doc__)
    for name in names:
        folder = SOURCE / PARTS[name][0]
        mutants, total = sample_mutants(sorted(folder.glob("*.py")), N, SEED)
        trials = Trials(mutants, folder)
        tests = [str(TESTS / path) for path in PARTS[name]]
        pytest.main(["-q", "-s", "-p", "no:xdist", "-p", "no:cacheprovider", *tests], [trials])
        print(write_page(name, total, trials, list(PARTS)), flush=True)
    return 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))

"""Prints the seconds that the stages' `main` functions take, in one process with all imports done."""

import argparse
import time

# What stages import where they need it would otherwise count as their work.
import pytorch_fid.inception  # noqa: F401
import sklearn.datasets
import sklearn.manifold  # noqa: F401

import vaeline.reporting.plots.curves
import vaeline.reporting.plots.images
import vaeline.tracking.runs.store  # noqa: F401
from stages import check, diagnose, evaluate, fid, fid_reference, prepare, report, train
from vaeline.core.params import StageParams

STAGE_MODULES = (prepare, check, fid_reference, train, evaluate, diagnose, fid, report)

if __name__ == "__main__":
    argparse.ArgumentParser(prog="python -m benchmarks.mains", description=__doc__).parse_args()
    started = time.perf_counter()
    for stage in STAGE_MODULES:
        stage.main(StageParams.load(stage.__name__.split(".")[1]))
    print(time.perf_counter() - started)

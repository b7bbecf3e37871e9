"""A process that keeps its memory takes each page from the kernel once."""

import platform
import subprocess
import sys

import pytest

PROGRAM = """
import resource, sys
import torch
from vaeline.config import ExperimentConfig
from vaeline.evaluation.estimators.bounds import importance_bounds
from vaeline.models.catalog import MODELS
from vaeline.runtime.allocation import keep_freed_memory

if sys.argv[1] == "keep":
    keep_freed_memory()
config = ExperimentConfig()
model = MODELS.build(config.model, config=config, event_shape=(3, 32, 32)).eval()
images = torch.zeros(26, 3, 32, 32, dtype=torch.uint8)

def faults_of_chunk():
    before = resource.getrusage(resource.RUSAGE_SELF).ru_minflt
    importance_bounds(model, images, (20,))
    return resource.getrusage(resource.RUSAGE_SELF).ru_minflt - before

print(min(faults_of_chunk() for _ in range(5)))
"""


def faults(mode: str) -> int:
    """Returns how many pages the kernel hands out for one of five equal chunks, at least.

    A kernel that is short of memory may take some back between two of them.
    """
    run = subprocess.run([sys.executable, "-c", PROGRAM, mode], capture_output=True, text=True, check=True)
    return int(run.stdout)


@pytest.mark.skipif(platform.libc_ver()[0] != "glibc", reason="mallopt is glibc's")
def test_freed_memory_is_used_again():
    assert faults("keep") < faults("plain") / 10

"""The peak memory of some work in a new process: `python -m benchmarks.memory iwae 5000`."""

import argparse
import subprocess
import sys
import tempfile
from pathlib import Path

import torch
from torch import Tensor

from benchmarks.loop import stage_loop
from benchmarks.models import MLP_PARAMS, mnist, vae
from benchmarks.pictures import prepared_folder, write_pngs
from vaeline.data.prepared import Prepared
from vaeline.evaluation.estimators.bounds import importance_bounds

IWAE_IMAGES = 32


def peak_memory(work: str, size: int) -> float:
    """Returns the largest resident set in MB of a new process that does `work` at `size`."""
    command = [sys.executable, "-m", "benchmarks.memory", work, str(size)]
    done = subprocess.run(command, check=True, capture_output=True, text=True)
    return float(done.stdout.split()[-1])


def measure_iwae(k: int) -> None:
    """Computes IWAE-K of a few images."""
    model = vae(MLP_PARAMS).eval()
    importance_bounds(model, model.likelihood.evaluation_set(mnist()[1][:IWAE_IMAGES]), (k,))


def measure_epoch(images: int) -> None:
    """Trains an epoch of that many images."""
    with (
        tempfile.TemporaryDirectory() as folder,
        stage_loop(*images_of_size(images), Path(folder), **MLP_PARAMS) as epochs,
    ):
        next(epochs)


def measure_prepare(images: int) -> None:
    """Prepares an image folder of that many images, 48 KiB each when stored; excludes the workers' memory."""
    train = Prepared.open().train
    with tempfile.TemporaryDirectory() as name:
        write_pngs(train.values[:images], train.labels[:images], Path(name) / "images")
        prepared_folder(Path(name) / "images", Path(name), side=128, mode="rgb")


def images_of_size(n: int) -> tuple[Tensor, Tensor]:
    """Returns n training images, up to all 60,000 of MNIST's, and n / 6 validation images."""
    train, valid = mnist()
    return torch.cat([train, valid])[:n].clone(), valid[: n // 6].clone()


def peak_resident() -> float:
    """Returns the largest resident set of this process so far, in MB."""
    # Not getrusage: its maximum starts at that of the parent process.
    status = Path("/proc/self/status").read_text()
    return int(status.split("VmHWM:")[1].split()[0]) / 1024


MEASURES = {"iwae": measure_iwae, "epoch": measure_epoch, "prepare": measure_prepare}


if __name__ == "__main__":
    parser = argparse.ArgumentParser(prog="python -m benchmarks.memory", description=__doc__)
    parser.add_argument("work", choices=MEASURES)
    parser.add_argument("count", type=int, help="k of iwae, or the number of images")
    arguments = parser.parse_args()
    MEASURES[arguments.work](arguments.count)
    print(peak_resident())

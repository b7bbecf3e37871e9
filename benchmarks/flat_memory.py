"""Measures the memory of each stage on image sets of two sizes, and writes docs/results/memory.md and .json.

It takes ten minutes on a core. With names of stages, only those are measured again, and the other rows of the
table stay as they are.
"""

import argparse
import json
import os
import shutil
import sys
import tempfile
import time
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import numpy as np
import psutil
from PIL import Image

from benchmarks.models import params, vae
from vaeline.config import ExperimentConfig
from vaeline.core.files import write_json, write_text
from vaeline.data.prepared import Prepared
from vaeline.experiments.markdown import markdown_table
from vaeline.experiments.results import RESULTS
from vaeline.models.checkpoints import DIRECTORY, model_facts, save_checkpoint
from vaeline.provenance.git import git_or_empty

IMAGE_COUNTS = (10_000, 40_000)
SIDE = 64
BYTES_OF_ONE = 3 * SIDE**2
CLASSES = 10
POLL = 0.03  # seconds
STAGES = ("prepare", "train", "evaluate", "fid_reference")
"""Those that read the whole of a split; the others read a number of images that is fixed."""
CHANGES: Mapping[str, Any] = {
    "epochs": 1,
    "hidden_dim": 32,
    "iwae_k": 2,
    "elbo_samples": 1,
    "fid_inception": "skip",
    "device": "cpu",
    "data": {
        "name": "image_folder",
        "path": "images",
        # A large test set, since evaluate and fid_reference read that.
        "image_folder": {"side": SIDE, "mode": "rgb", "test_share": 0.4},
    },
}
MEMORY_HEADING = ("stage", "images", "their bytes", "anonymous memory", "more than of the small set", "time")

MEMORY_TEXT = """# Memory

Each stage runs on a folder of {small:,} and of {large:,} colour images of {side}×{side} pixels, of which two
in five are test images, for a small network. Memory is the peak of the *anonymous* memory of
all processes of the stage: what has to stay in memory. Pages of files are not counted, since the system drops
them when memory is short.

{table}

Written by `make bench-memory`: {origins}.
"""


@contextmanager
def measured_workspace(count: int) -> Iterator[Path]:
    """Yields a folder in which stages can run, with `count` images to prepare."""
    root = Path(tempfile.mkdtemp(prefix="vaeline-memory-")).resolve()
    try:
        write_json(root / "params.yaml", {**ExperimentConfig().to_dict(), **CHANGES})
        shutil.copy("dvc.yaml", root)
        shutil.copytree("data/init", root / "data" / "init")
        write_patches(root / "images", count)
        yield root
    finally:
        shutil.rmtree(root)


def write_patches(folder: Path, count: int) -> None:
    """Writes `count` different images of large pixels as PNG files, in a folder for each class."""
    draws = np.random.default_rng(0)
    for number in range(count):
        target = folder / str(number % CLASSES) / f"{number // CLASSES % 100:02}"
        target.mkdir(parents=True, exist_ok=True)
        pixels = draws.integers(0, 256, (8, 8, 3), dtype=np.uint8)
        image = Image.fromarray(pixels).resize((SIDE, SIDE), Image.Resampling.NEAREST)
        image.save(target / f"{number:07}.png", compress_level=1)


def write_untrained(root: Path) -> None:
    """Writes the checkpoint of an untrained model of the images that are prepared in the folder `root`."""
    data = Prepared.open(root / "data" / "prepared")
    state = vae(CHANGES, data.shape).state_dict()
    content = model_facts(params(**CHANGES), data) | {"training": {"model": state, "step": 0}}
    save_checkpoint(root / DIRECTORY / "best.pt", content)


def run_measured(stage: str, root: Path) -> tuple[int, float]:
    """Runs a stage in the folder `root`; returns its peak anonymous memory in bytes, and seconds."""
    environment = os.environ | {"PYTHONPATH": str(Path.cwd()), "DVC_ROOT": str(root)}
    environment["MLFLOW_TRACKING_URI"] = f"sqlite:///{root / 'mlflow.db'}"
    started, peak = time.monotonic(), 0
    with (root / f"{stage}.log").open("w+") as log:
        process = psutil.Popen(
            [sys.executable, "-m", f"stages.{stage}"], cwd=root, env=environment, stdout=log, stderr=log
        )
        while process.poll() is None:
            peak = max(peak, anonymous_memory(process))
            time.sleep(POLL)
        log.seek(0)
        if process.returncode:
            raise RuntimeError(f"{stage} failed: {log.read()[-2000:]}")
    return peak, time.monotonic() - started


def anonymous_memory(process: psutil.Process) -> int:
    """Returns the bytes of a process and its children that no file backs."""
    total = 0
    for one in (process, *_children(process)):
        try:
            memory = one.memory_info()
        except psutil.NoSuchProcess:
            continue
        total += memory.rss - memory.shared
    return total


def _children(process: psutil.Process) -> list[psutil.Process]:
    try:
        return process.children(recursive=True)
    except psutil.NoSuchProcess:
        return []


def measure(stages: Sequence[str], sizes: Sequence[int]) -> list[dict[str, Any]]:
    """Returns a row for each of `stages` and each number of images, on images that were prepared before."""
    commit = git_or_empty("rev-parse", "HEAD")[:10]
    rows = []
    for count in sizes:
        with measured_workspace(count) as root:
            for stage in dict.fromkeys(["prepare", *stages]):
                peak, seconds = run_measured(stage, root)
                if stage == "prepare":
                    write_untrained(root)
                row = {"stage": stage, "images": count, "bytes": peak, "seconds": round(seconds)}
                print(f"{stage}, {count:,} images: {peak / 1e6:.0f} MB, {seconds:.0f} s", flush=True)
                if stage in stages:
                    rows.append(row | {"commit": commit})
    return rows


def write_memory(measured: Sequence[Mapping[str, Any]]) -> str:
    """Writes measured rows beside the stored ones of other stages, and the page; returns the table."""
    path = RESULTS / "memory.json"
    again = {row["stage"] for row in measured}
    stored = json.loads(path.read_text()) if path.is_file() else []
    rows = [*(row for row in stored if row["stage"] not in again), *measured]
    rows.sort(key=lambda row: (STAGES.index(row["stage"]), row["images"]))
    least = {row["stage"]: row["bytes"] for row in reversed(rows)}
    table = markdown_table([MEMORY_HEADING, *(_cells(row, least[row["stage"]]) for row in rows)])
    origins = "; ".join(dict.fromkeys(f"commit `{row['commit']}`" for row in rows))
    write_json(path, rows)
    small, large = IMAGE_COUNTS
    text = MEMORY_TEXT.format(small=small, large=large, side=SIDE, table=table, origins=origins)
    write_text(RESULTS / "memory.md", text)
    return table


def _cells(row: Mapping[str, Any], least: int) -> tuple[str, ...]:
    more = f"{(row['bytes'] - least) / 1e6:+.0f} MB" if row["images"] != min(IMAGE_COUNTS) else ""
    stored = f"{row['images'] * BYTES_OF_ONE / 1e6:.0f} MB"
    return (
        row["stage"],
        f"{row['images']:,}",
        stored,
        f"{row['bytes'] / 1e6:.0f} MB",
        more,
        f"{row['seconds']} s",
    )


def measure_named(arguments: Sequence[str]) -> None:
    """Measures the stages that are named, or all, and prints the table."""
    parser = argparse.ArgumentParser(prog="python -m benchmarks.flat_memory", description=__doc__)
    parser.add_argument("stages", nargs="*", metavar="STAGE", help=f"of {', '.join(STAGES)}; all by default")
    named = parser.parse_args(arguments).stages or list(STAGES)
    if unknown := [name for name in named if name not in STAGES]:
        parser.error(f"{unknown[0]} is not measured; choose from: {' '.join(STAGES)}")
    print(write_memory(measure(named, IMAGE_COUNTS)))


if __name__ == "__main__":
    measure_named(sys.argv[1:])

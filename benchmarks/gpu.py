"""Measures speed on a CUDA GPU beside its own rates, and writes docs/results/bench_gpu.md and .json.

It takes about two minutes, with MNIST prepared (`dvc repro prepare`). With names, only those are measured
again, and the other rows of the table stay as they are.
"""

import os
import sys
from collections.abc import Callable, Iterator, Mapping, Sequence
from typing import Any

import torch
from torch import Tensor

from benchmarks.distances import inception
from benchmarks.document import ANSWERS, with_stored
from benchmarks.harness import VAELINE, Contestant, Ratio, race, significant
from benchmarks.machine import machine_description
from benchmarks.models import MLP_PARAMS, noise_images, params, vae
from benchmarks.peers import Plain
from benchmarks.products import Product, products
from benchmarks.running import measure_and_write, parse_names
from vaeline.core.errors import VaelineError
from vaeline.core.files import write_json, write_text
from vaeline.data.prepared import Prepared
from vaeline.evaluation.estimators.bounds import importance_bounds, k_grid
from vaeline.experiments.markdown import markdown_table
from vaeline.experiments.results import RESULTS
from vaeline.provenance.git import git_or_empty
from vaeline.runtime.seeding import set_seed
from vaeline.training.build import build_objective
from vaeline.training.fit import fit
from vaeline.training.record import Record
from vaeline.training.state import Training
from vaeline.training.steps.waiting import host_waits

IMAGES, BATCH = 50_000, 128
SECONDS_AN_EPOCH = 0.4
GPU_CONV_SHAPE = (3, 64, 64)
CONV_BATCH, CONV_IMAGES = 1024, 10_240
GPU_CONV_PARAMS: Mapping[str, Any] = {
    "latent_dim": 128,
    "batch_size": CONV_BATCH,
    "precision": "bfloat16",
    "network": {"name": "conv"},
    "likelihood": {"name": "gaussian"},
}
GPU_FRACTION = 8  # of an epoch, launched kernel by kernel: its time is linear in the images
GPU_K = 5000
IWAE_ROWS = 65_536
FID_IMAGES = 2048
FIRST_EPOCHS = 3  # in which updates of both sizes are captured
GPU_HEADING = ("work", "against", "ratio", "quartiles", "goal", "reached", "our time")

GPU_TEXT = """# Speed on a GPU

{table}

Written by `make bench-gpu`: {runs}. Measured in each run: {rates}.

A ratio is the time of what stands under *against* over ours on the same card in the same run, the median over
rounds with its quartiles; our time is that of one image, and in the first row of an epoch. A *share* is the
part of our time that the products or convolutions alone take at the same sizes, replayed as one CUDA graph;
it cannot exceed 1. An epoch is 784–400–20 on 50,000 images in batches of 128, with 10,000 validation images
scored; the convolutional network is trained on 64×64 images with three channels in batches of 1,024, in
bfloat16, with `compile=always`; IWAE-5,000 is the bound of 10,000 test images. Inception has random weights,
and pytorch-fid reads the same images as PNG files.
"""


def gpu_epoch() -> list[Ratio]:
    """An epoch of MNIST: captured, launched kernel by kernel, and its products."""
    images, valid, _ = mnist_splits()
    ours = _training(images, valid, {**MLP_PARAMS, "compile": "auto"})
    few = len(images) // GPU_FRACTION
    plain = _training(images[:few], valid[: len(valid) // GPU_FRACTION], {**MLP_PARAMS, "compile": "never"})
    _skip(ours, FIRST_EPOCHS)
    contestants = {
        VAELINE: Contestant(lambda: next(ours), len(images)),
        "kernel by kernel": Contestant(lambda: next(plain), few),
        "matrix products": _captured_products(Plain(vae(MLP_PARAMS)), images[:BATCH], len(images) // BATCH),
    }
    times = race("epoch", contestants, rounds=5)
    seconds = times.median(VAELINE) * len(images)
    return [
        Ratio.of(
            "epoch", f"{SECONDS_AN_EPOCH} s", [SECONDS_AN_EPOCH / seconds], 1.0, seconds=significant(seconds)
        ),
        times.ratio("epoch", "kernel by kernel"),
        times.ratio("epoch", "matrix products", share=True),
    ]


def gpu_equality() -> list[Ratio]:
    """Two trainings are the same bit for bit, captured or not, and an epoch never waits for the GPU."""
    images, valid, _ = (split[:5000] for split in mnist_splits())
    ends = []
    for kind in ("auto", "auto", "never"):
        epochs = _training(images, valid, {**MLP_PARAMS, "compile": kind})
        records = [next(epochs) for _ in range(5)]
        ends.append([(r.train_loss, r.valid_elbo) for r in records])
    waits = _waits_in_an_epoch(images, valid)
    return [
        Ratio.of("two trainings equal bit for bit", "yes", [float(ends[0] == ends[1])], 1.0),
        Ratio.of("captured and not, equal bit for bit", "yes", [float(ends[0] == ends[2])], 1.0),
        Ratio.of("updates that wait for the GPU", "none", [1.0 if not waits else 1 / (1 + waits)], 1.0),
    ]


def gpu_conv() -> list[Ratio]:
    """The convolutional network at 64×64×3 in bfloat16: compiled, captured alone, and its convolutions."""
    images, valid = noise_images(GPU_CONV_SHAPE, CONV_IMAGES, CONV_BATCH)
    epochs, compiled = (
        _training(images, valid, {**GPU_CONV_PARAMS, "val_every": 1000, "compile": kind})
        for kind in ("auto", "always")
    )
    _skip(epochs, FIRST_EPOCHS)
    _skip(compiled, FIRST_EPOCHS)
    model = Plain(vae(GPU_CONV_PARAMS, GPU_CONV_SHAPE)).bfloat16()
    batch = images[:CONV_BATCH].contiguous(memory_format=torch.channels_last)
    contestants = {
        VAELINE: Contestant(lambda: next(compiled), len(images)),
        "captured uncompiled": Contestant(lambda: next(epochs), len(images)),
        "convolutions": _captured_products(model, batch, len(images) // CONV_BATCH, torch.bfloat16),
    }
    times = race("conv", contestants, rounds=5)
    work = "conv in bfloat16"
    return [times.ratio(work, "convolutions", 0.5, share=True), times.ratio(work, "captured uncompiled")]


def gpu_iwae() -> list[Ratio]:
    """IWAE-5,000 of the MLP on all test images, and its products."""
    test = mnist_splits()[2]
    model = vae(MLP_PARAMS).eval()
    images = model.likelihood.evaluation_set(test)
    z = torch.randn(IWAE_ROWS, model.latent_dim, device="cuda")
    replay = _graph(products(Plain(model).decoder, z, backward=False))
    times = len(images) * GPU_K // IWAE_ROWS

    def multiply() -> None:
        for _ in range(times):
            replay()

    contestants = {
        VAELINE: Contestant(lambda: importance_bounds(model, images, k_grid(GPU_K)), len(images)),
        "matrix products": Contestant(multiply, times * IWAE_ROWS / GPU_K),
    }
    raced = race("iwae", contestants, rounds=3)
    return [raced.ratio("iwae 5000", "matrix products", 0.6, share=True)]


def gpu_features() -> list[Ratio]:
    """Inception's features of 2,048 images beside pytorch-fid's."""
    return inception(FID_IMAGES)


GPU_BENCHMARKS: dict[str, Callable[[], list[Ratio]]] = {
    "epoch": gpu_epoch,
    "same": gpu_equality,
    "conv": gpu_conv,
    "iwae": gpu_iwae,
    "features": gpu_features,
}


def mnist_splits() -> tuple[Tensor, Tensor, Tensor]:
    """Returns MNIST's images, uint8: 50,000 to train on, and up to 10,000 each to validate and to test."""
    data = Prepared.open()
    if data.name != "mnist":
        raise VaelineError(f"data/prepared holds {data.name}: run `dvc repro prepare` with data.name: mnist")
    train = torch.from_numpy(data.train.values.copy())
    return train[:IMAGES], train[-10_000:], torch.from_numpy(data.test.values.copy())


def _training(images: Tensor, valid: Tensor, changes: Mapping[str, Any]) -> Iterator[Record]:
    """Returns the epochs of a training, the train stage's without what it writes."""
    config = params(**changes)
    set_seed(config.seed)
    model = vae(changes, tuple(images.shape[1:]))
    objective = build_objective(config, model.latent_dim, len(images))
    sets = model.likelihood.training_set(images), model.likelihood.evaluation_set(valid)
    return fit(Training.start(model, objective, config, len(images)), *sets, config)


def _skip(epochs: Iterator[Record], count: int) -> None:
    for _ in range(count):
        next(epochs)


def _waits_in_an_epoch(images: Tensor, valid: Tensor) -> int:
    """Returns how often the host waits in an epoch before its end, where it reads what was counted."""
    epochs = _training(images, valid, {**MLP_PARAMS, "val_every": 1000})
    _skip(epochs, FIRST_EPOCHS)
    with host_waits(torch.device("cuda")) as waits:
        next(epochs)
    return len([line for line in waits if "tally" not in line])


def _captured_products(
    model: torch.nn.Module, batch: Tensor, times: int, dtype: torch.dtype = torch.float32
) -> Contestant:
    """Returns the products of a step, both ways, as one CUDA graph."""
    x = (batch.to("cuda") / 255).to(dtype)
    replay = _graph(products(model.to("cuda"), x, backward=True))

    def run() -> None:
        for _ in range(times):
            replay()

    return Contestant(run, times * len(batch))


@torch.no_grad()
def _graph(runs: Sequence[Product]) -> Callable[[], None]:
    for run in runs:  # libraries make their workspaces, and choose their kernels
        run()
    graph = torch.cuda.CUDAGraph()
    with torch.cuda.graph(graph):
        for run in runs:
            run()
    replay: Callable[[], None] = graph.replay
    return replay


def run_gpu_benchmarks(names: Sequence[str]) -> None:
    """Runs these benchmarks, prints each ratio, and writes docs/results/bench_gpu.md and .json."""
    if not torch.cuda.is_available():
        raise VaelineError("torch finds no CUDA GPU, which this measures: use `make bench`")
    card, _, rates = machine_description().partition(", ")
    origin = {
        "card": card,
        "rates": rates,
        "torch": torch.__version__,
        "commit": git_or_empty("rev-parse", "HEAD")[:10],
    }
    measure_and_write(names, GPU_BENCHMARKS, origin, write_rows)


def write_rows(measured: Sequence[Mapping[str, Any]]) -> None:
    """Writes measured rows, and the stored ones of benchmarks that were not measured, and the page."""
    path = RESULTS / "bench_gpu.json"
    rows = with_stored(path, measured, list(GPU_BENCHMARKS))
    table = markdown_table([GPU_HEADING, *map(_cells, rows)])
    runs = dict.fromkeys(f"{r['card']}, torch {r['torch']}, commit `{r['commit']}`" for r in rows)
    rates = dict.fromkeys(row["rates"] for row in rows)
    write_json(path, rows)
    write_text(
        RESULTS / "bench_gpu.md", GPU_TEXT.format(table=table, runs="; ".join(runs), rates="; ".join(rates))
    )


def _cells(row: Mapping[str, Any]) -> tuple[str, ...]:
    low, high = row["spread"]
    goal = "–" if row["goal"] is None else f"≥ {row['goal']:g}"
    seconds = f"{row['seconds']:.3g} s" if "seconds" in row else ""
    figures = f"{row['ratio']:.3g}", f"{low:.3g} – {high:.3g}", goal, ANSWERS[row["met"]]
    return row["work"], row["against"], *figures, seconds


if __name__ == "__main__":
    chosen = parse_names(sys.argv[1:], GPU_BENCHMARKS, "python -m benchmarks.gpu", __doc__)
    # As in our stages; it has an effect only if set before CUDA starts.
    os.environ.setdefault("CUBLAS_WORKSPACE_CONFIG", ":4096:8")
    try:
        run_gpu_benchmarks(chosen)
    except VaelineError as error:
        sys.exit(f"benchmarks.gpu: {error}")

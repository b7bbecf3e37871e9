"""Options that the commands on trained models share, and the model that they name."""

from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

if TYPE_CHECKING:
    from vaeline.evaluation.trained import TrainedModel

Input = Annotated[
    Path,
    typer.Argument(
        metavar="INPUT", help="A folder of images, an image, or an .npy, .npz, .csv or .parquet file."
    ),
]
Run = Annotated[
    str,
    typer.Option(
        "--model",
        metavar="RUN",
        help="A run's folder, a checkpoint, an exported model, an experiment, runs:/ID, models:/NAME@ALIAS.",
    ),
]
Labels = Annotated[
    str | None,
    typer.Option(
        "--labels",
        metavar="COLUMN|FILE",
        show_default=False,
        help="The label of each row, if the model takes it.",
    ),
]
Seed = Annotated[int, typer.Option("--seed", help="Of the random draws.")]
TABLE_FILES = ".npy, .csv or .parquet"
PICTURE_FILES = ".png, .npy, .csv or .parquet"
TableOut = Annotated[Path, typer.Option("--out", metavar="FILE", help=f"What to write: {TABLE_FILES}.")]
PictureOut = Annotated[Path, typer.Option("--out", metavar="FILE", help=f"What to write: {PICTURE_FILES}.")]

CompressedOut = Annotated[
    Path, typer.Option("--out", metavar="FILE", help="What to write: a file of its own kind.")
]


@contextmanager
def trained_model(run: str, seed: int = 0) -> "Iterator[TrainedModel]":
    """Yields the model of a run, with torch's random numbers started at `seed`."""
    import torch

    from vaeline.serving import load

    torch.manual_seed(seed)
    yield load(run)

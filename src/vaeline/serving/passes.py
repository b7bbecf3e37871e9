"""One pass of a trained model over files: rows are read, computed and written batch by batch."""

from collections.abc import Iterator, Sequence
from contextlib import AbstractContextManager, nullcontext
from pathlib import Path

import numpy as np
import torch

from vaeline.core.errors import VaelineError
from vaeline.core.progress import bar
from vaeline.evaluation.chunks import rows_at_a_time
from vaeline.evaluation.ex_post import fit_ex_post
from vaeline.evaluation.trained import TrainedModel
from vaeline.serving.reading import read_all, read_batches
from vaeline.serving.reference import needed_training_data, reference_of
from vaeline.serving.scores import PICTURE_CHANNELS, Scorer
from vaeline.serving.traversal import ranked_dimensions, traverse
from vaeline.serving.writing import SHEET_COLUMNS, Pixels, Writer, open_output

PAIR_COLUMNS = 16  # of a sheet on which inputs and reconstructions alternate


def encode(trained: TrainedModel, source: Path, out: Path, labels: str | None = None, draws: int = 0) -> int:
    """Writes E[z|x] of each row, [N, d], or `draws` draws of q(z|x), [N, draws, d]; returns N."""
    rows = 0
    with open_output(out, "z") as output:
        for batch in read_batches(trained.model, source, labels):
            z = trained.encode(batch.values, batch.labels, draws)
            output.write(batch.names, np.moveaxis(z, 0, 1) if draws else z)
            rows += len(z)
    return rows


def reconstruct(trained: TrainedModel, source: Path, out: Path, labels: str | None = None) -> int:
    """Writes E[x|z] at a z drawn from q(z|x) for each row; on a picture beside its input. Returns N."""
    rows = 0
    with output_of(trained, out, columns=PAIR_COLUMNS) as output:
        for batch in read_batches(trained.model, source, labels):
            images = trained.reconstruct(batch.values, batch.labels)
            if output.pictures:
                images = np.stack([batch.returned, images], 1)
            output.write(batch.names, images)
            rows += len(images)
    return rows


def score(
    scorer: Scorer, source: Path, out: Path, labels: str | None = None, maps: Path | None = None
) -> int:
    """Writes the scores of each row, and if `maps` is given, its squared errors value by value; returns N."""
    rows = 0
    fields, pixels = scorer.trained.model.columns, np.asarray if pixels_of(scorer.trained) else None
    mapping = open_output(maps, "x", pixels, fields=fields) if maps else nullcontext()
    with open_output(out, "") as output, mapping as map_output:
        for batch in read_batches(scorer.trained.model, source, labels):
            output.write(batch.names, scorer.score(batch))
            if map_output:
                map_output.write(batch.names, scorer.squared_error(batch))
            rows += len(batch.names)
    return rows


def sample(
    trained: TrainedModel,
    n: int,
    out: Path,
    labels: Sequence[int] | None = None,
    temperature: float = 1.0,
    ex_post: bool = False,
) -> None:
    """Writes n samples E[x|z].

    Args:
        trained: The model.
        n: How many.
        out: The file.
        labels: For a model that is conditioned on them: they repeat until there are n.
        temperature: See `TrainedModel.sample`.
        ex_post: Draw z from a mixture fitted to the latents of the training data instead of p(z), see
            `evaluation.ex_post`.

    Raises:
        VaelineError: Options that exclude each other, and an `ex_post` without the training data.
    """
    if ex_post and (temperature != 1 or labels is not None):
        raise VaelineError("--ex-post has no temperature and no labels: leave out --temperature and --labels")
    given = None if labels is None else np.resize(labels, n)
    sampler = None
    if ex_post:
        sampler = fit_ex_post(trained.model, needed_training_data(trained, "--ex-post").train)
    with output_of(trained, out) as output:
        for part in _parts(n, rows_at_a_time(trained.event_shape)):
            if sampler is not None:
                images = trained.model.scaling.written(sampler.sample(len(part))).numpy()
            else:
                chosen = None if given is None else given[part.start : part.stop]
                images = trained.sample(len(part), chosen, temperature)
            output.write([str(row) for row in part], images)


def interpolate(
    trained: TrainedModel, start: Path, end: Path, out: Path, labels: str | None = None, steps: int = 8
) -> int:
    """Writes E[x|z] between each row of `start` and that of `end`, [N, steps, …]; returns N."""
    first, last = (read_all(trained.model, path, labels) for path in (start, end))
    if len(first.names) != len(last.names):
        raise VaelineError(
            f"{start} has {len(first.names)} rows and {end} has {len(last.names)}: the same number is needed"
        )
    with output_of(trained, out, columns=steps) as output:
        output.write(first.names, trained.interpolate(first.values, last.values, first.labels, steps))
    return len(first.names)


def traverse_source(
    trained: TrainedModel,
    source: Path,
    out: Path,
    labels: str | None = None,
    dims: int = 10,
    steps: int = 11,
    rows: int = 1,
) -> tuple[int, list[int]]:
    """Writes traversals, [N, dims, steps, …]: a row of the picture for each dimension.

    Args:
        trained: The model.
        source: Where the rows are that the other dimensions are encoded from.
        out: The file.
        labels: See `read_batches`.
        dims: How many dimensions, those with the highest KL first, on validation images or else on samples.
        steps: Points from −3 to 3 standard deviations of the aggregate posterior.
        rows: How many rows of `source`, from its first.

    Returns:
        N, and the dimensions.
    """
    batch = read_all(trained.model, source, labels, most=rows)
    dimensions = ranked_dimensions(trained, reference_of(trained))[:dims]
    z = trained.encode(batch.values, batch.labels)
    with output_of(trained, out, columns=steps) as output:
        output.write(batch.names, traverse(trained, z, batch.labels, dimensions, steps))
    return len(batch.names), [dimension.index for dimension in dimensions]


def output_of(
    trained: TrainedModel, out: Path, columns: int = SHEET_COLUMNS
) -> AbstractContextManager[Writer]:
    """Returns the writer of observations, as the model returns them: see `open_output`."""
    return open_output(out, "x", pixels_of(trained), columns, trained.model.columns)


def pixels_of(trained: TrainedModel) -> Pixels | None:
    """Returns what makes pixels of the images that a model returns; None for a model of anything else."""
    shape, scaling = trained.event_shape, trained.model.scaling
    if len(shape) != 3 or shape[0] not in PICTURE_CHANNELS:
        return None
    return lambda values: scaling.picture(scaling.read(values))


def _parts(n: int, most: int) -> Iterator[range]:
    """Yields consecutive parts of 0 … n − 1, with a progress bar."""
    with bar(total=n, desc="sampling", unit="row", disable=n <= most) as progress:
        for rows in torch.arange(n).split(most):
            yield range(int(rows[0]), int(rows[-1]) + 1)
            progress.update(len(rows))

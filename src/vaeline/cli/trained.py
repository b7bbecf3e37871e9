"""Commands that use a trained model on files."""

from pathlib import Path
from typing import Annotated

import typer

from vaeline.cli.arguments import WORKSPACE_RUN, print_written
from vaeline.cli.trained_options import (
    PICTURE_FILES,
    CompressedOut,
    Input,
    Labels,
    PictureOut,
    Run,
    Seed,
    TableOut,
    trained_model,
)
from vaeline.core.errors import VaelineError

TRAINED_COMMANDS = typer.Typer()


@TRAINED_COMMANDS.command("encode")
def encode_rows(
    source: Input,
    out: TableOut = Path("encoded.npy"),
    run: Run = WORKSPACE_RUN,
    labels: Labels = None,
    draws: Annotated[int, typer.Option(min=0, help="Draws of q(z|x) for each row; 0: its mean.")] = 0,
    seed: Seed = 0,
) -> None:
    """Encode images or rows of a table.

    Writes the mean of q(z|x) for each row, [N, d]; or draws of it, [N, draws, d].

    Example:

    \b
        vaeline encode my_images --out encoded.csv
    """
    from vaeline.serving import passes

    with trained_model(run, seed) as trained:
        rows = passes.encode(trained, source, out, labels, draws)
    print(f"{rows} rows encoded")
    print_written([out])


@TRAINED_COMMANDS.command("reconstruct")
def reconstruct_rows(
    source: Input,
    out: PictureOut = Path("reconstructed.png"),
    run: Run = WORKSPACE_RUN,
    labels: Labels = None,
    seed: Seed = 0,
) -> None:
    """Reconstruct images or rows of a table.

    Writes E[x|z] at one z drawn from q(z|x) for each row; on a picture, input and reconstruction alternate.

    Example:

    \b
        vaeline reconstruct my_images --out reconstructed.npy
    """
    from vaeline.serving import passes

    with trained_model(run, seed) as trained:
        rows = passes.reconstruct(trained, source, out, labels)
    print(f"{rows} rows reconstructed")
    print_written([out])


@TRAINED_COMMANDS.command("score")
def score_rows(
    source: Input,
    out: TableOut = Path("scores.csv"),
    run: Run = WORKSPACE_RUN,
    labels: Labels = None,
    k: Annotated[int, typer.Option(min=2, help="Importance samples of IWAE-k.")] = 100,
    draws: Annotated[int, typer.Option(min=1, help="Draws of z for ELBO, distortion and rate.")] = 10,
    maps: Annotated[
        Path | None, typer.Option(metavar="FILE", help=f"Squared errors, pixel by pixel: {PICTURE_FILES}.")
    ] = None,
    seed: Seed = 0,
) -> None:
    """Score images or rows of a table.

    Writes a row for each: ELBO, IWAE-k with its standard error over draws, distortion and rate in nats, the
    squared error, and scores for finding anomalies (typicality, and −log p less the complexity of the image).

    Example:

    \b
        vaeline score my_images --out scores.csv --maps errors.png
    """
    from vaeline.serving import passes
    from vaeline.serving.scores import Scorer, expected_log_likelihood

    with trained_model(run, seed) as trained:
        expected = expected_log_likelihood(trained, k, draws)
        if expected is None:
            print("No typicality: the data that the model was trained on are not in data/prepared")
        rows = passes.score(Scorer(trained, k, draws, expected), source, out, labels, maps)
    print(f"{rows} rows scored")
    print_written([out, *([maps] if maps else [])])


@TRAINED_COMMANDS.command("sample")
def sample_images(
    n: Annotated[int, typer.Option("--n", "-n", min=1, help="How many.")] = 100,
    out: PictureOut = Path("samples.png"),
    run: Run = WORKSPACE_RUN,
    temperature: Annotated[
        float, typer.Option(min=0, help="Factor of the standard deviations of p(z).")
    ] = 1.0,
    labels: Annotated[
        str | None,
        typer.Option(
            "--labels",
            metavar="0,1,…",
            show_default=False,
            help="Classes to sample in turn, if the model takes them.",
        ),
    ] = None,
    ex_post: Annotated[
        bool,
        typer.Option("--ex-post", help="Draw z from a mixture fitted to the latents of the training data."),
    ] = False,
    seed: Seed = 0,
) -> None:
    """Sample from a trained model.

    Writes E[x|z] at z drawn from the prior, or from a density fitted after training (Ghosh et al. 2020).

    Example:

    \b
        vaeline sample -n 64 --temperature 0.8 --out samples.png
    """
    from vaeline.serving import passes

    with trained_model(run, seed) as trained:
        passes.sample(trained, n, out, parse_labels(labels), temperature, ex_post)
    print_written([out])


@TRAINED_COMMANDS.command("interpolate")
def interpolate_rows(
    start: Annotated[
        Path, typer.Argument(metavar="START", help="An image, a folder of images, or an array.")
    ],
    end: Annotated[Path, typer.Argument(metavar="END", help="As many rows as START.")],
    out: PictureOut = Path("interpolated.png"),
    run: Run = WORKSPACE_RUN,
    labels: Labels = None,
    steps: Annotated[int, typer.Option(min=2, help="Images of each path, both ends among them.")] = 8,
) -> None:
    """Interpolate between images.

    Writes E[x|z] on the great arc between the means of q(z|x) of each row of START and that of END.

    Example:

    \b
        vaeline interpolate one.png other.png --steps 12
    """
    from vaeline.serving import passes

    with trained_model(run) as trained:
        passes.interpolate(trained, start, end, out, labels, steps)
    print_written([out])


@TRAINED_COMMANDS.command("traverse")
def traverse_rows(
    source: Input,
    out: PictureOut = Path("traversals.png"),
    run: Run = WORKSPACE_RUN,
    labels: Labels = None,
    dims: Annotated[int, typer.Option(min=1, help="Latent dimensions, the most informative first.")] = 10,
    steps: Annotated[int, typer.Option(min=2, help="Images from −3σ to 3σ.")] = 11,
    rows: Annotated[int, typer.Option(min=1, help="Rows of INPUT, from the first.")] = 1,
) -> None:
    """Move one latent dimension at a time.

    Writes E[x|z] with one dimension from −3 to 3 standard deviations, the others as encoded from a row.

    Example:

    \b
        vaeline traverse my_image.png --dims 5
    """
    from vaeline.serving import passes

    with trained_model(run) as trained:
        _, dimensions = passes.traverse_source(trained, source, out, labels, dims, steps, rows)
    print("Dimensions, from the top:", *(f"z{dimension}" for dimension in dimensions))
    print_written([out])


@TRAINED_COMMANDS.command("compress")
def compress_rows(
    source: Input,
    out: CompressedOut = Path("compressed.vae"),
    run: Run = WORKSPACE_RUN,
    binarize: Annotated[
        bool, typer.Option("--binarize", help="Binarize grey values first, as bounds are computed on.")
    ] = False,
) -> None:
    """Compress images losslessly.

    Writes a file that is as long as the bound of the model says: −ELBO in bits for each image, and some
    hundred bits once (bits-back coding, Townsend et al. 2019). `vaeline decompress` restores the images.

    Example:

    \b
        vaeline compress my_images --binarize --out my_images.vae
    """
    from vaeline.serving.compressing import compress_source

    with trained_model(run) as trained:
        compressed, bounds = compress_source(trained, source, out, binarize)
    each = compressed.bits / compressed.count
    print(
        f"{compressed.count} images in {compressed.bits // 8} bytes: {each:.2f} bits each, with "
        f"{compressed.once_bits} that a file costs once; −ELBO {bounds.mean():.2f} bits"
    )
    print_written([out])


@TRAINED_COMMANDS.command("decompress")
def decompress_rows(
    file: Annotated[Path, typer.Argument(metavar="FILE", help="What `vaeline compress` has written.")],
    out: PictureOut = Path("decompressed.npy"),
    run: Run = WORKSPACE_RUN,
) -> None:
    """Restore compressed images, bit for bit.

    The model is the one that compressed them; it is not in the file.

    Example:

    \b
        vaeline decompress my_images.vae --out my_images.npy
    """
    from vaeline.serving.compressing import decompress_file

    with trained_model(run) as trained:
        rows = decompress_file(trained, file, out)
    print(f"{rows} images restored")
    print_written([out])


@TRAINED_COMMANDS.command("explore")
def explore_model(
    run: Annotated[
        str, typer.Argument(metavar="[RUN]", help="The model, as in --model of the others.")
    ] = WORKSPACE_RUN,
    port: Annotated[int, typer.Option(min=1, max=65535, help="The port to listen at.")] = 8000,
    show: Annotated[bool, typer.Option("--show", help="Open a browser.")] = False,
) -> None:
    """Play with a trained model in the browser.

    Serves a page to this machine alone until Ctrl-C: move the most informative latents, click on the latent
    map, interpolate, draw or drop an image and see its reconstruction, its scores and its neighbours.

    Example:

    \b
        vaeline explore outputs/train --port 8001
    """
    from vaeline.serving.explore.server import serve_page

    with trained_model(run) as trained:
        serve_page(trained, port, show)


def parse_labels(text: str | None) -> list[int] | None:
    """Returns the class numbers in `0,1,…`; raises VaelineError for anything else."""
    if text is None:
        return None
    try:
        return [int(part) for part in text.split(",")]
    except ValueError:
        raise VaelineError(f"--labels {text}: use numbers of classes, such as 0,1,2") from None

"""Commands that export trained models."""

from pathlib import Path
from typing import Annotated

import typer

from vaeline.cli.arguments import preset_argument, print_written

EXPORT_COMMANDS = typer.Typer()


@EXPORT_COMMANDS.command("export")
def export_run(
    run: Annotated[
        str,
        typer.Argument(
            metavar="[RUN]",
            help="The folder of a training, a checkpoint, an experiment, runs:/ID or models:/NAME@ALIAS.",
        ),
    ] = "outputs/train",
    kind: Annotated[
        str, typer.Option("--format", metavar="FORMAT", help="folder (safetensors), onnx or mlflow.")
    ] = "folder",
    to: Annotated[
        Path | None,
        typer.Option(
            "--to", metavar="FOLDER", show_default=False, help="Where to; exported/FORMAT by default."
        ),
    ] = None,
    select: Annotated[
        str, typer.Option("--select", metavar="NAME", help="Of a training's checkpoints, best or last.")
    ] = "best",
) -> None:
    """Export a trained model, with a model card.

    The folder holds the model, and README.md: data, metrics with their errors, findings, and the command that
    makes the model again. `vaeline.serving.load` loads it, unless it is ONNX.

    Example:

    \b
        vaeline export --format onnx --to exported/vae-onnx
    """
    from vaeline.serving.exporting import export_model

    print_written(export_model(run, kind, to or Path("exported") / kind, select))


@EXPORT_COMMANDS.command("export-table")
def write_export_table(
    names: Annotated[
        list[str] | None,
        preset_argument(
            "[NAMES]...", "Models of the zoo; without any, all, and the page is written.", "zoo-"
        ),
    ] = None,
) -> None:
    """Tabulate which formats can hold each part.

    The page is docs/results/export.md, from a small model of every part. The models are untrained: a graph
    does not depend on the weights.

    Example:

    \b
        vaeline export-table conditional vq
    """
    from vaeline.experiments.studies.exports import export_rows, export_table, write_export_page

    if names:
        print(export_table(export_rows(names)))
    else:
        print_written(write_export_page())

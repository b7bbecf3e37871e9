"""All commands together, and what `vaeline` does without one."""

# ruff: noqa: E402
from vaeline.runtime.stopping import stop_without_traceback

stop_without_traceback()  # before the modules below, which take a while

from typing import Annotated

import typer

from vaeline import __version__
from vaeline.cli.exports import EXPORT_COMMANDS
from vaeline.cli.group import CommandGroup
from vaeline.cli.hosts import HOST_COMMANDS
from vaeline.cli.repository import REPOSITORY_COMMANDS
from vaeline.cli.runs import RUN_COMMANDS
from vaeline.cli.studies import STUDY_COMMANDS
from vaeline.cli.sweeps import SWEEP_COMMANDS
from vaeline.cli.trained import TRAINED_COMMANDS
from vaeline.runtime.garbage import look_rarely

app = typer.Typer(cls=CommandGroup, rich_markup_mode=None, pretty_exceptions_enable=False)
for commands in (
    RUN_COMMANDS,
    TRAINED_COMMANDS,
    SWEEP_COMMANDS,
    STUDY_COMMANDS,
    EXPORT_COMMANDS,
    HOST_COMMANDS,
    REPOSITORY_COMMANDS,
):
    app.add_typer(commands)


def main() -> None:
    """Runs the command line."""
    look_rarely()
    app()


def print_version(wanted: bool) -> None:
    """Prints the version and ends the command."""
    if wanted:
        print(__version__)
        raise typer.Exit


@app.callback(invoke_without_command=True)
def run_root(
    context: typer.Context,
    version: Annotated[  # noqa: ARG001 (its callback acts)
        bool, typer.Option("--version", help="Print the version.", is_eager=True, callback=print_version)
    ] = False,
) -> None:
    """Run, compare and tabulate experiments with variational autoencoders.

    All commands run in the repository's root. `make repro` runs the pipeline; `dvc exp run -S beta=4` runs
    one experiment.
    """
    if context.invoked_subcommand is None:
        print(context.get_help())

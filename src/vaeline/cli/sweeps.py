"""Commands that run a grid of params."""

import shlex
from collections.abc import Sequence
from typing import TYPE_CHECKING, Annotated

import typer

from vaeline.cli.arguments import Overrides, print_written
from vaeline.core.errors import VaelineError

if TYPE_CHECKING:
    from vaeline.experiments.sweep_page import SweepPage

SWEEP_COMMANDS = typer.Typer()


@SWEEP_COMMANDS.command("sweep")
def sweep_grid(
    grid: Annotated[
        list[str],
        typer.Argument(metavar="KEY=V1,V2,...", help="A param and its values; several params make a grid."),
    ],
    overrides: Overrides = None,
) -> None:
    """Run a grid of params, and tabulate the results.

    The page is docs/results/sweep.md. Every combination of the values runs as a DVC experiment, in a copy of
    the repository. An experiment with the same params and the same code is not run again, whatever its name.
    A sweep that was stopped resumes when the command is given again.

    Example:

    \b
        vaeline sweep beta=0.5,1,2 latent_dim=10,20 --set epochs=10
    """
    from vaeline.experiments.studies.grid import GRID_PAGE

    run_sweep("sweep", grid, overrides or [], GRID_PAGE, grid)


@SWEEP_COMMANDS.command("frontier")
def sweep_beta(
    beta: Annotated[
        str, typer.Option("--beta", metavar="V1,V2,...", help="The values of beta.")
    ] = "0.25,0.5,1,2,4",
    overrides: Overrides = None,
) -> None:
    """Run a sweep over beta: rate against distortion.

    The page is docs/results/frontier.md. What has run is not run again, as in `vaeline sweep`.

    Example:

    \b
        vaeline frontier --beta 0.5,1,2 --set epochs=10 --set data.name=digits
    """
    from vaeline.experiments.studies.frontier import FRONTIER_PAGE

    run_sweep("frontier", ["--beta", beta], overrides or [], FRONTIER_PAGE, [f"beta={beta}"])


@SWEEP_COMMANDS.command("seeds")
def sweep_seed(
    seeds: Annotated[
        str, typer.Option("--seeds", metavar="V1,V2,...", help="The values of seed.")
    ] = "1,2,3,4,5",
    overrides: Overrides = None,
) -> None:
    """Run trainings that differ by seed alone.

    The page, docs/results/seeds.md, has their standard deviation beside the standard error of each. What has
    run is not run again, as in `vaeline sweep`.

    Example:

    \b
        vaeline seeds --seeds 1,2,3 --set epochs=10
    """
    from vaeline.experiments.studies.seeds import SEEDS_PAGE

    run_sweep("seeds", ["--seeds", seeds], overrides or [], SEEDS_PAGE, [f"seed={seeds}"])


def run_sweep(
    command: str, arguments: Sequence[str], overrides: Sequence[str], page: "SweepPage", grid: Sequence[str]
) -> None:
    """Runs a sweep, writes its page and prints it.

    Args:
        command: The command that was given.
        arguments: Its arguments but for `--set`.
        overrides: The values of `--set`.
        page: How the results are shown.
        grid: `key=value,value,…` for each param that is swept.
    """
    from vaeline.experiments.sweep import parse_grid, sweep

    flags = [part for override in overrides for part in ("--set", override)]
    swept = sweep(parse_grid(grid), overrides, shlex.join(["vaeline", command, *arguments, *flags]))
    paths = page.write(swept)
    print(paths[0].read_text())
    print_written(paths)
    print(f"Next: {shlex.join(['vaeline', 'compare', *dict.fromkeys(swept.table['experiment'])])}")
    if swept.failures:
        raise VaelineError(f"{len(swept.failures)} failed, see above; the table has the others")

"""Commands that run a grid of params."""

import shlex
from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from vaeline.cli.arguments import Address, AtOnce, Cpus, Gpus, Overrides, print_written
from vaeline.core.errors import VaelineError

if TYPE_CHECKING:
    from vaeline.experiments.search.placement import Placement
    from vaeline.experiments.sweep_page import SweepPage

SWEEP_COMMANDS = typer.Typer()


@SWEEP_COMMANDS.command("sweep")
def sweep_grid(
    grid: Annotated[
        list[str],
        typer.Argument(metavar="KEY=V1,V2,...", help="A param and its values; several params make a grid."),
    ],
    overrides: Overrides = None,
    at_once: AtOnce = 0,
    address: Address = "",
    cpus: Cpus = 1.0,
    gpus: Gpus = 0.0,
) -> None:
    """Run a grid of params, and tabulate the results.

    The page is docs/results/sweep.md. Every combination of the values runs as a DVC experiment, in a copy of
    the repository. An experiment with the same params and the same code is not run again, whatever its name.
    A sweep that was stopped resumes when the command is given again.

    Example:

    \b
        vaeline sweep beta=0.5,1,2 seed=1..5 --set epochs=10 --at-once 2
    """
    from vaeline.experiments.search.placement import Placement
    from vaeline.experiments.studies.grid import GRID_PAGE

    placement = Placement(address, at_once, cpus, gpus)
    run_sweep("sweep", grid, overrides or [], GRID_PAGE, grid, placement)


@SWEEP_COMMANDS.command("frontier")
def sweep_beta(
    beta: Annotated[
        str, typer.Option("--beta", metavar="V1,V2,...", help="The values of beta.")
    ] = "0.25,0.5,1,2,4",
    overrides: Overrides = None,
    at_once: AtOnce = 0,
    address: Address = "",
    cpus: Cpus = 1.0,
    gpus: Gpus = 0.0,
) -> None:
    """Run a sweep over beta: rate against distortion.

    The page is docs/results/frontier.md. What has run is not run again, as in `vaeline sweep`.

    Example:

    \b
        vaeline frontier --beta 0.5,1,2 --set epochs=10 --set data.name=digits
    """
    from vaeline.experiments.search.placement import Placement
    from vaeline.experiments.studies.frontier import FRONTIER_PAGE

    placement = Placement(address, at_once, cpus, gpus)
    run_sweep("frontier", ["--beta", beta], overrides or [], FRONTIER_PAGE, [f"beta={beta}"], placement)


@SWEEP_COMMANDS.command("seeds")
def sweep_seed(
    seeds: Annotated[
        str, typer.Option("--seeds", metavar="V1,V2,...", help="The values of seed.")
    ] = "1,2,3,4,5",
    overrides: Overrides = None,
    at_once: AtOnce = 0,
    address: Address = "",
    cpus: Cpus = 1.0,
    gpus: Gpus = 0.0,
) -> None:
    """Run trainings that differ by seed alone.

    The page, docs/results/seeds.md, has their standard deviation beside the standard error of each. What has
    run is not run again, as in `vaeline sweep`.

    Example:

    \b
        vaeline seeds --seeds 1,2,3 --set epochs=10
    """
    from vaeline.experiments.search.placement import Placement
    from vaeline.experiments.studies.seeds import SEEDS_PAGE

    placement = Placement(address, at_once, cpus, gpus)
    run_sweep("seeds", ["--seeds", seeds], overrides or [], SEEDS_PAGE, [f"seed={seeds}"], placement)


@SWEEP_COMMANDS.command("search")
def search_space(
    space: Annotated[
        Path,
        typer.Argument(metavar="FILE", help="What varies and how, such as examples/space.yaml."),
    ],
    overrides: Overrides = None,
    at_once: AtOnce = 0,
    address: Address = "",
    cpus: Cpus = 1.0,
    gpus: Gpus = 0.0,
) -> None:
    """Search for good params.

    Trials are a grid, random, or proposed by TPE. The page is docs/results/search-NAME.md. Every trial is a
    DVC experiment. What has run is not run again, as in `vaeline sweep`, and a search that was stopped
    resumes when the command is given again.

    Example:

    \b
        vaeline search examples/space.yaml --at-once 2
    """
    from vaeline.experiments.remote import fetch_outputs
    from vaeline.experiments.search.page import best_commands, write_search
    from vaeline.experiments.search.placement import Placement
    from vaeline.experiments.search.search import search

    command = _same_command("search", [str(space)], overrides or [])
    result = search(space, tuple(overrides or ()), command, Placement(address, at_once, cpus, gpus))
    if address:  # what nodes have made is in the storage
        fetch_outputs(list(result.table.set_index("trial").loc[list(result.best), "revision"]))
    _tell(write_search(result), "; ".join(best_commands(result)) or "dvc exp show", len(result.failures))


def run_sweep(
    command: str,
    arguments: Sequence[str],
    overrides: Sequence[str],
    page: "SweepPage",
    grid: Sequence[str],
    placement: "Placement",
) -> None:
    """Runs a sweep, writes its page and prints it.

    Args:
        command: The command that was given.
        arguments: Its arguments but for `--set`.
        overrides: The values of `--set`.
        page: How the results are shown.
        grid: `key=value,value,…` for each param that is swept.
        placement: Where the experiments run.
    """
    from vaeline.experiments.sweep import parse_grid, sweep

    again = _same_command(command, arguments, overrides)
    swept = sweep(parse_grid(grid), overrides, again, placement)
    compare = shlex.join(["vaeline", "compare", *dict.fromkeys(swept.table["experiment"])])
    _tell(page.write(swept), compare, len(swept.failures))


def _same_command(command: str, arguments: Sequence[str], overrides: Sequence[str]) -> str:
    flags = [part for override in overrides for part in ("--set", override)]
    return shlex.join(["vaeline", command, *arguments, *flags])


def _tell(paths: Sequence[Path], following: str, failures: int) -> None:
    """Prints a page, what was written and the command to go on with; raises VaelineError after failures."""
    print(paths[0].read_text())
    print_written(paths)
    print(f"Next: {following}")
    if failures:
        raise VaelineError(f"{failures} failed, see above; the table has the others")

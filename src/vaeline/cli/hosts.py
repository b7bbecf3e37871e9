"""The command that several hosts run together."""

from typing import Annotated

import typer

HOST_COMMANDS = typer.Typer()


@HOST_COMMANDS.command(
    "hosts", context_settings={"ignore_unknown_options": True, "allow_interspersed_args": False}
)
def run_hosts(
    command: Annotated[
        list[str], typer.Argument(metavar="COMMAND...", help="What host 0 runs, such as dvc repro.")
    ],
    patience: Annotated[float, typer.Option(min=0, help="Seconds until all hosts must have come.")] = 600,
) -> None:
    """Run a command on several hosts, which share its stages.

    Start it on every host with NNODES set to the number of hosts, NODE_RANK to the number of this one, from
    0, and RDZV_ENDPOINT to the address and a free port of host 0. Host 0 runs COMMAND; whenever one of its
    stages trains, evaluates or extracts features, the other hosts run their share. NPROC is the number of
    processes on this host. Stopped or after a loss, the same command on every host resumes.

    Example:

    \b
        vaeline hosts dvc exp run -S beta=4
    """
    from vaeline.experiments.hosts.running import run_on_hosts

    raise typer.Exit(run_on_hosts(command, patience))

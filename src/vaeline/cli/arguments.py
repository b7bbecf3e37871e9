"""What several commands take and print."""

from collections.abc import Sequence
from pathlib import Path
from typing import Annotated, Any

import typer

WORKSPACE_RUN = "outputs/train"  # the run whose model is used if none is named

Overrides = Annotated[
    list[str] | None,
    typer.Option(
        "--set",
        metavar="KEY=VALUE",
        show_default=False,
        help="A param that all experiments change; can be repeated.",
    ),
]

AtOnce = Annotated[
    int,
    typer.Option(
        "--at-once", min=0, help="Experiments at a time; 0: one here, and as many as fit on a cluster."
    ),
]
Address = Annotated[
    str,
    typer.Option(
        metavar="HOST:PORT",
        show_default=False,
        help="Run on this Ray cluster; auto: the one of this machine, local: start one here.",
    ),
]
Cpus = Annotated[float, typer.Option(min=0.0, help="CPUs for each experiment on a cluster.")]
Gpus = Annotated[float, typer.Option(min=0.0, help="GPUs for each experiment on a cluster.")]


def preset_argument(metavar: str, help_text: str, prefix: str = "") -> Any:
    """Returns an optional argument that takes names of presets without their prefix, and completes them."""

    def complete(incomplete: str) -> list[str]:
        paths = Path("presets").glob(f"{prefix}{incomplete}*.yaml")
        return sorted(path.stem.removeprefix(prefix) for path in paths)

    return typer.Argument(metavar=metavar, help=help_text, show_default=False, autocompletion=complete)


def print_written(paths: Sequence[Path]) -> None:
    """Prints which files a command has written."""
    print(f"Wrote {', '.join(map(str, paths))}")

"""Commands on single runs: their params, and runs side by side."""

from typing import Annotated

import typer

RUN_COMMANDS = typer.Typer()


@RUN_COMMANDS.command("check-params")
def check_params() -> None:
    """Check the whole of params.yaml.

    Also checks what no stage would read in this run, and that DVC can hash what is at data.path. What is
    wrong is named with its key, its value and the values that are allowed. A param that is set and that no
    chosen part reads is named as well.

    Example:

    \b
        vaeline check-params
    """
    from pathlib import Path

    from vaeline.config import ExperimentConfig
    from vaeline.data.reading.own_path import check_hashable

    config = ExperimentConfig.load()
    for line in config.unread():
        print(f"params.yaml: {line}")
    check_hashable(Path(config.to_dict()["data"]["path"]))
    print("params.yaml: valid")


@RUN_COMMANDS.command("compare")
def compare_runs(
    runs: Annotated[
        list[str] | None,
        typer.Argument(
            metavar="[RUNS]...",
            show_default=False,
            help="Experiments, branches, commits, or `workspace`; a single one is compared with HEAD.",
        ),
    ] = None,
) -> None:
    """Set runs side by side in one page.

    The page is reports/compare.html. Without RUNS, the workspace is compared with HEAD. `dvc exp show` lists
    the experiments.

    Example:

    \b
        vaeline compare HEAD beta=4 workspace
    """
    from vaeline.experiments.compare import write_comparison

    print(f"Open {write_comparison(runs or []).resolve().as_uri()}")

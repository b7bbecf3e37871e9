"""The `vaeline` command.

Modules that take long to import are imported by the command that needs them, so that `--help` and the
completion of names answer at once.
"""

# ruff: noqa: E402
from vaeline.runtime.stopping import INTERRUPTED, stop_without_traceback, stoppable

stop_without_traceback()  # before the modules below, which take a while

import shlex
import sys
from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any, NoReturn

import typer
from typer.core import TyperGroup

from vaeline import __version__
from vaeline.core.errors import VaelineError

if TYPE_CHECKING:
    from vaeline.experiments.study import Study
    from vaeline.experiments.sweep_page import SweepPage


class CommandGroup(TyperGroup):
    """Commands whose errors are one line on stderr."""

    def invoke(self, ctx: Any) -> Any:
        """Runs the command; an error that its reader can mend, and Ctrl-C, end it with one line."""
        try:
            with stoppable():
                return super().invoke(ctx)
        except VaelineError as error:
            from vaeline.runtime.damage import with_remedy

            end(f"vaeline {ctx.invoked_subcommand}", with_remedy(error), 1)
        except KeyboardInterrupt as error:
            status = getattr(error, "status", INTERRUPTED)
            end(f"vaeline {ctx.invoked_subcommand}", "stopped; the same command resumes it", status)

    def main(self, *args: Any, **options: Any) -> NoReturn:
        """Runs the command line, and exits."""
        try:
            sys.exit(super().main(*args, **options | {"standalone_mode": False}))
        except Exception as error:
            if not hasattr(error, "format_message"):  # typer does not export the class of its usage errors
                raise
            context = getattr(error, "ctx", None)
            path = context.command_path if context else "vaeline"
            message = " ".join(error.format_message().split()).removesuffix(".")
            print(f"{path}: {message}; see `{path} --help`", file=sys.stderr)
            sys.exit(2)


def end(command: str, message: str, status: int) -> NoReturn:
    """Ends the command with one line on stderr."""
    from vaeline.core.progress import close_bars

    close_bars()
    print(f"{command}: {message}", file=sys.stderr)
    raise typer.Exit(status)


app = typer.Typer(cls=CommandGroup, rich_markup_mode=None, pretty_exceptions_enable=False)


def main() -> None:
    """Runs the command line."""
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


def preset_argument(metavar: str, help_text: str, prefix: str = "") -> Any:
    """Returns an optional argument that takes names of presets without their prefix, and completes them."""

    def complete(incomplete: str) -> list[str]:
        paths = Path("presets").glob(f"{prefix}{incomplete}*.yaml")
        return sorted(path.stem.removeprefix(prefix) for path in paths)

    return typer.Argument(metavar=metavar, help=help_text, show_default=False, autocompletion=complete)


Overrides = Annotated[
    list[str] | None,
    typer.Option(
        "--set",
        metavar="KEY=VALUE",
        show_default=False,
        help="A param that all experiments change; can be repeated.",
    ),
]


@app.command("check-params")
def check_params() -> None:
    """Check the whole of params.yaml.

    Also checks what no stage would read in this run. What is wrong is named with its key, its value and the
    values that are allowed. A param that is set and that no chosen part reads is named as well.

    Example:

    \b
        vaeline check-params
    """
    from vaeline.config import ExperimentConfig

    for line in ExperimentConfig.load().unread():
        print(f"params.yaml: {line}")
    print("params.yaml: valid")


@app.command("compare")
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


@app.command("sweep")
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


@app.command("frontier")
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


@app.command("seeds")
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


def print_written(paths: Sequence[Path]) -> None:
    """Prints which files a command has written."""
    print(f"Wrote {', '.join(map(str, paths))}")


@app.command("preset")
def train_presets(
    names: Annotated[
        list[str] | None,
        preset_argument("[NAMES]...", "Presets to run; without any, the presets are listed."),
    ] = None,
) -> None:
    """Train and evaluate presets, or list them.

    A preset is a file in presets/ that holds the overrides of a published protocol. It runs as the DVC
    experiment of its name, from committed code, and leaves a record in docs/results/records. A run that was
    stopped resumes when the command is given again.

    Example:

    \b
        vaeline preset fast-1l-vae-k1
    """
    from vaeline.core.files import read_json
    from vaeline.evaluation.estimators.estimate import estimate_text
    from vaeline.experiments.preset_runs import run_preset
    from vaeline.experiments.presets import preset_names, preset_overrides

    for name in names or []:
        preset_overrides(name)  # a wrong name is told before anything runs
    for name in names or []:
        path = run_preset(name)
        results = read_json(path)["results"]
        print(f"{name}: NLL {estimate_text(results, 'nll')} {results.get('verdict', '')}".rstrip())
        print_written([path])
    print("Next: vaeline table1" if names else "\n".join(preset_names()))


@app.command("table1")
def write_table1() -> None:
    """Write the table of published numbers from records.

    The page, docs/results/table1.md, has table 1 of Burda et al. (2016) with the numbers measured here.
    Nothing is run: a cell takes from minutes to days, and `vaeline preset NAME` runs one.

    Example:

    \b
        vaeline table1
    """
    from vaeline.experiments.studies.table1 import Table1Study

    Table1Study().write()
    print("Next: vaeline preset NAME, for one that was not run")


@app.command("zoo")
def run_zoo(
    names: Annotated[
        list[str] | None,
        preset_argument("[NAMES]...", "What to train; without any, all that have no record yet.", "zoo-"),
    ] = None,
) -> None:
    """Train one of every part with a small budget.

    The page, docs/results/models.md, is made from the records of the presets zoo-NAME.

    Example:

    \b
        vaeline zoo vamp iaf
    """
    from vaeline.experiments.studies.zoo import ZooStudy

    run_study(ZooStudy(), names or [])


@app.command("sprites")
def run_sprites(
    names: Annotated[
        list[str] | None,
        preset_argument("[NAMES]...", "KIND-SEED to train; without any, all without a record.", "sprites-"),
    ] = None,
) -> None:
    """Train β-VAE and VAE on sprites, over seeds.

    The page, docs/results/sprites.md, is made from the records of the presets sprites-NAME.

    Example:

    \b
        vaeline sprites vae-1 beta-1
    """
    from vaeline.experiments.studies.sprites import SpritesStudy

    run_study(SpritesStudy(), names or [])


def run_study(study: "Study", names: Sequence[str]) -> None:
    """Runs members of a study, and says what to do with the results."""
    study.run(names)
    print("Next: git add docs && git commit")


@app.command("clinic")
def run_clinic_cases(
    cases: Annotated[
        list[str] | None,
        preset_argument("[CASES]...", "Cases to run, without a page; without any, all run.", "clinic-"),
    ] = None,
) -> None:
    """Provoke each failure, find it, and cure it.

    Each case runs a training that fails in a known way, checks that the failure is found, and runs exactly
    the remedy that is printed. The page is docs/results/clinic.md. A training that has run at this code is
    not run again.

    Example:

    \b
        vaeline clinic holes-beta overfitting-static
    """
    from vaeline.experiments.clinic.run import run_clinic

    if paths := run_clinic(cases or []):
        print_written(paths)
    else:
        print("Next: `vaeline clinic` runs all cases and writes the page")


@app.command("export")
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


@app.command("export-table")
def write_export_table(
    names: Annotated[
        list[str] | None,
        preset_argument(
            "[NAMES]...", "Models of the zoo; without any, all, and the page is written.", "zoo-"
        ),
    ] = None,
) -> None:
    """Export a small model of every part, and tabulate which formats can hold it.

    The page is docs/results/export.md. The models are untrained: a graph does not depend on the weights.

    Example:

    \b
        vaeline export-table conditional vq
    """
    from vaeline.experiments.studies.exports import export_rows, export_table, write_export_page

    if names:
        print(export_table(export_rows(names)))
    else:
        print_written(write_export_page())


@app.command("ui")
def open_ui(
    port: Annotated[int, typer.Option(envvar="PORT", min=1, max=65535, help="The port to listen at.")] = 5000,
) -> None:
    """Open the MLflow UI on every recorded run.

    Prints the addresses of the table of runs and of the newest runs side by side, then serves them until
    Ctrl-C.

    Example:

    \b
        vaeline ui --port 5001
    """
    from vaeline.tracking.ui import serve_ui

    serve_ui(port)


@app.command("readme")
def write_readme() -> None:
    """Write the last run's figures into README.md.

    Its pictures are copied to docs/pictures.

    Example:

    \b
        vaeline readme
    """
    from vaeline.reporting.readme import update_readme

    update_readme()
    print("Wrote README.md and docs/pictures. Next: git diff README.md")


@app.command("deps")
def write_deps() -> None:
    """Rewrite the code entries of dvc.yaml.

    Each stage then depends on exactly the files that it imports. Run it after an import changed; a test
    fails otherwise.

    Example:

    \b
        vaeline deps
    """
    from vaeline.provenance.closure import rewrite

    rewrite()
    print("Wrote dvc.yaml. Next: dvc status")

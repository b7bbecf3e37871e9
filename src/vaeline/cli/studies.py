"""Commands that run presets: published protocols, one of every part, provoked failures."""

from collections.abc import Sequence
from typing import TYPE_CHECKING, Annotated

import typer

from vaeline.cli.arguments import WORKSPACE_RUN, Address, AtOnce, Cpus, Gpus, preset_argument, print_written

if TYPE_CHECKING:
    from vaeline.experiments.search.placement import Placement
    from vaeline.experiments.study import Study

STUDY_COMMANDS = typer.Typer()

FurtherSeed = Annotated[
    int | None,
    typer.Option("--seed", min=0, help="Train once more, with this seed; without it, with the preset's own."),
]


@STUDY_COMMANDS.command("preset")
def train_presets(
    names: Annotated[
        list[str] | None,
        preset_argument("[NAMES]...", "Presets to run; without any, the presets are listed."),
    ] = None,
    seed: FurtherSeed = None,
) -> None:
    """Train and evaluate presets, or list them.

    A preset is a file in presets/ that holds the overrides of a published protocol. It runs as the DVC
    experiment of its name, from committed code, and leaves a record in docs/results/records. A run that was
    stopped resumes when the command is given again.

    Example:

    \b
        vaeline preset fast-1l-vae-k1 --seed 43
    """
    from vaeline.core.files import read_json
    from vaeline.evaluation.estimators.estimate import estimate_text
    from vaeline.experiments.preset_runs import run_preset
    from vaeline.experiments.presets import preset_names, preset_overrides

    for name in names or []:
        preset_overrides(name)  # a wrong name is told before anything runs
    for name in names or []:
        path = run_preset(name, seed)
        results = read_json(path)["results"]
        print(f"{name}: NLL {estimate_text(results, 'nll')} {results.get('verdict', '')}".rstrip())
        print_written([path])
    print("Next: vaeline table1" if names else "\n".join(preset_names()))


@STUDY_COMMANDS.command("cells")
def train_cells_together(
    names: Annotated[
        list[str] | None,
        preset_argument("[NAMES]...", "Presets to train; without any, the fast cells of table 1."),
    ] = None,
    seed: FurtherSeed = None,
    minutes: Annotated[float, typer.Option(min=0, help="Time to train before it stops.")] = 5.0,
    together: Annotated[int, typer.Option(min=1, help="Presets that are trained at a time.")] = 3,
) -> None:
    """Train presets side by side on one GPU.

    This trains without DVC and MLflow, stops after some minutes, and resumes when it is given again. Presets
    that are finished are evaluated, and leave records as those of `vaeline preset`. Several at a time share
    the GPU where NVIDIA's MPS runs.

    Example:

    \b
        vaeline cells fast-1l-iwae-k50 fast-2l-iwae-k50 --minutes 5
    """
    from vaeline.experiments.cells import train_cells
    from vaeline.experiments.presets import preset_names

    chosen = names or [name for name in preset_names() if name.startswith("fast-")]
    print_written(train_cells([(name, seed) for name in chosen], minutes, together))
    print("Next: the same command for those that are not finished; vaeline table1 for the page")


@STUDY_COMMANDS.command("table1")
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


@STUDY_COMMANDS.command("zoo")
def run_zoo(
    names: Annotated[
        list[str] | None,
        preset_argument("[NAMES]...", "What to train; without any, all that have no record yet.", "zoo-"),
    ] = None,
    at_once: AtOnce = 0,
    address: Address = "",
    cpus: Cpus = 1.0,
    gpus: Gpus = 0.0,
) -> None:
    """Train one of every part with a small budget.

    The page, docs/results/models.md, is made from the records of the presets zoo-NAME.

    Example:

    \b
        vaeline zoo vamp iaf
    """
    from vaeline.experiments.search.placement import Placement
    from vaeline.experiments.studies.zoo import ZooStudy

    run_study(ZooStudy(), names or [], Placement(address, at_once, cpus, gpus))


@STUDY_COMMANDS.command("colour")
def run_colour(
    names: Annotated[
        list[str] | None,
        preset_argument("[NAMES]...", "What to train; without any, all that have no record yet.", "colour-"),
    ] = None,
    seeds: Annotated[
        int,
        typer.Option(min=0, help="Instead, train on fewer images with seeds 1 to this, and count findings."),
    ] = 0,
    at_once: AtOnce = 0,
    address: Address = "",
    cpus: Cpus = 1.0,
    gpus: Gpus = 0.0,
) -> None:
    """Train models of colour images.

    The page, docs/results/colour.md, is made from the records of the presets colour-NAME, with what the same
    images cost without a VAE. The images are in data/cifar10-jpeg, in folders train/CLASS and test/CLASS.

    Example:

    \b
        vaeline colour conv
    """
    from vaeline.experiments.search.placement import Placement
    from vaeline.experiments.studies.colour import ColourStudy

    study = ColourStudy()
    if seeds:
        study.over_seeds(names or study.members(), range(1, seeds + 1))
    else:
        run_study(study, names or [], Placement(address, at_once, cpus, gpus))


@STUDY_COMMANDS.command("sprites")
def run_sprites(
    methods: Annotated[
        list[str] | None,
        typer.Argument(
            metavar="[METHODS]...", help="beta-vae, beta-tcvae, factor-vae, dip-vae; without any, all."
        ),
    ] = None,
    jobs: Annotated[int, typer.Option(min=1, help="Trainings at a time, each on one core.")] = 1,
) -> None:
    """Train objectives that disentangle.

    They are trained on sprites, over their weights and seeds.

    The page is docs/results/sprites.md, and each training is a row of docs/results/sprites.csv. What has a
    row is not trained again: a run that was stopped resumes when the command is given again.

    Example:

    \b
        vaeline sprites --jobs 2
    """
    from vaeline.experiments.studies.sprites.grid import chosen_methods
    from vaeline.experiments.studies.sprites.page import write_sprites_page
    from vaeline.experiments.studies.sprites.run import read_records, records_path, run_cells

    run_cells(chosen_methods(methods or []), jobs)
    print_written([records_path(), *write_sprites_page(read_records(records_path()))])


def run_study(study: "Study", names: Sequence[str], placement: "Placement") -> None:
    """Runs members of a study where they are placed, and says what to do with the results."""
    study.run(names, placement)
    print("Next: git add docs && git commit")


@STUDY_COMMANDS.command("clinic")
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


@STUDY_COMMANDS.command("anomalies")
def run_anomalies(
    run: Annotated[
        str, typer.Option("--model", metavar="RUN", help="As in `vaeline score`.")
    ] = WORKSPACE_RUN,
    images: Annotated[int, typer.Option(min=2, help="Test images, and outliers of each kind.")] = 1000,
) -> None:
    """Tell outliers from test images by each score.

    The page, docs/results/anomalies.md, has the AUROC of each score of the workspace's model for kinds of
    outliers that are drawn, or made of the test images.

    Example:

    \b
        vaeline anomalies --images 500
    """
    from vaeline.experiments.studies.anomalies import write_anomalies
    from vaeline.serving import load

    write_anomalies(load(run), images)

"""Table 1 of Burda, Grosse & Salakhutdinov (2016), as published and as measured here."""

import statistics
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from torch import Tensor

from vaeline.core.errors import VaelineError
from vaeline.core.files import write_figure, write_json
from vaeline.evaluation.target import target_verdict
from vaeline.experiments.presets import preset_config, preset_names
from vaeline.experiments.records import PresetRecord, load_records, machine_text
from vaeline.experiments.studies.cells import Cell, SeedSpread
from vaeline.experiments.studies.difference_figure import difference_figure
from vaeline.experiments.studies.differences import CellDifference, cell_differences
from vaeline.experiments.studies.table1_page import DIFFERENCE_PICTURE, FAMILIES, table1_markdown
from vaeline.experiments.study import Row, Study
from vaeline.experiments.trainings import RecordedTraining, recorded_trainings

Trainings = Mapping[Cell, Sequence[RecordedTraining]]
"""The trainings of each preset that is a cell."""


class Table1Study(Study):
    """The presets that are cells of the table: by family, layers, k and bound."""

    command = "table1"
    page = "table1"
    prefix = ""

    def members(self) -> list[str]:
        """Returns the presets that are cells of the table, in its order."""
        return sorted((name for name in preset_names() if Cell.of(name)), key=self.order)

    def order(self, member: str) -> tuple[Any, ...]:
        """Returns family, layers, k and bound."""
        cell = cell_of(member)
        return list(FAMILIES).index(cell.family), cell.layers, cell.k, cell.bound == "iwae"

    def description(self, member: str, changes: Mapping[str, Any]) -> Row:
        """Returns the preset's name and the published NLL."""
        return {"preset": member, "published": changes.get("target_nll")}

    def outcome(self, record: PresetRecord | None) -> Row:
        """Returns the NLL of a training, what it took, and the count of units that is comparable."""
        if record is None:
            return dict.fromkeys(("nll", "nll_se", "active_units", "epochs", "seconds", "trained_on"))
        results = record["results"]
        # The older count is the same for one layer, which the records without the other all have.
        units = results.get("train_active_units_one_draw_by_layer", results["train_active_units_by_layer"])
        figures = {"nll": results["nll"], "nll_se": results["nll_se"], "active_units": units}
        where = machine_text(record["training"])
        return figures | {"epochs": record["epochs"], "seconds": record["seconds"], "trained_on": where}

    def rerun(self, member: str) -> str:
        """Returns the command that runs a member again: each takes hours."""
        return f"vaeline preset {member}"

    def rows(self) -> list[Row]:
        """Returns the rows of all members, from the records in the repository."""
        trainings = self.trainings()
        seeds = {family: seed_spread(family, trainings) for family in FAMILIES}
        return [self.cell_row(cell, own, seeds[cell.family]) for cell, own in trainings.items()]

    def trainings(self) -> Trainings:
        """Returns the recorded trainings of all members."""
        records = load_records()
        return {cell_of(member): recorded_trainings(member, records) for member in self.members()}

    def cell_row(self, cell: Cell, trainings: Sequence[RecordedTraining], seeds: SeedSpread) -> Row:
        """Returns the row of a cell: means over its trainings, and the distance to the published number."""
        config = preset_config(cell.preset)
        row: Row = {"preset": cell.preset, "published": config.target_nll, "trainings": len(trainings)}
        outcomes = [self.outcome(training.record) for training in trainings] or [self.outcome(None)]
        units = [outcome["active_units"] for outcome in outcomes]
        row |= {"active_units": ", ".join(units) if trainings else None, "epochs": outcomes[0]["epochs"]}
        where = dict.fromkeys(outcome["trained_on"] for outcome in outcomes)
        row["trained_on"] = "; ".join(where) if trainings else None
        for key in ("nll", "nll_se", "seconds"):
            row[key] = statistics.fmean(outcome[key] for outcome in outcomes) if trainings else None
        empty = {"distance": None, "distance_error": None}
        if not trainings:
            return row | empty | {"verdict": "not run"}
        measured = target_verdict({"iwae": -row["nll"], "iwae_se": row["nll_se"]}, config)
        if config.target_nll is None:
            return row | empty | {"verdict": "none"}
        distance = {
            "distance": measured["nll_minus_target"],
            "distance_error": seeds.distance_error(len(trainings)),
        }
        return row | distance | {"verdict": measured["verdict"]}

    def differences(self) -> dict[str, list[CellDifference]]:
        """Returns the differences between cells of each family that has published numbers."""
        trainings = self.trainings()
        return {
            family: cell_differences(
                family, published_nll, bounds_by_cell(trainings), seed_spread(family, trainings)
            )
            for family in ("burda", "fast")
        }

    def markdown(self, rows: Sequence[Row]) -> str:
        """Returns the page: for each family its cells and the differences between them."""
        trainings = self.trainings()
        seeds = {family: seed_spread(family, trainings) for family in FAMILIES}
        return table1_markdown(rows, self.differences(), seeds)

    def write_more(self, folder: Path) -> list[Path]:
        """Writes the differences as JSON, and their picture if there are any."""
        differences = self.differences()
        rows = [difference_row(d) for of_family in differences.values() for d in of_family]
        paths = [folder / "table1_differences.json"]
        write_json(paths[0], rows)
        if rows:
            paths.append(folder / DIFFERENCE_PICTURE)
            write_figure(paths[-1], difference_figure(differences))
        return paths


def cell_of(member: str) -> Cell:
    """Returns the cell of a member; raises VaelineError for a preset that is no cell."""
    if cell := Cell.of(member):
        return cell
    raise VaelineError(f"preset {member!r} is no cell of table 1")


def published_nll(cell: Cell) -> float:
    """Returns the published test NLL of a cell in nats.

    Raises:
        VaelineError: If its preset names none.
    """
    target = preset_config(cell.preset).target_nll
    if target is None:
        raise VaelineError(f"presets/{cell.preset}.yaml has no target_nll")
    return target


def by_cell(trainings: Trainings) -> dict[Cell, list[RecordedTraining]]:
    """Returns the trainings of each cell, in which the two presets of k = 1 are one."""
    return {
        cell: [training for name in cell.presets for training in trainings.get(cell_of(name), ())]
        for cell in trainings
        if cell.preset == cell.presets[0]
    }


def seed_spread(family: str, trainings: Trainings) -> SeedSpread:
    """Returns how far apart the trainings of one cell of `family` end."""
    cells = by_cell(trainings).items()
    return SeedSpread.of([training.nll for training in own] for cell, own in cells if cell.family == family)


def bounds_by_cell(trainings: Trainings) -> dict[Cell, list[Tensor]]:
    """Returns the bounds of all images of each training that has them, by cell.

    Raises:
        VaelineError: If two are of different test images.
    """
    kept = {cell: [t for t in own if t.bounds is not None] for cell, own in by_cell(trainings).items()}
    digests = {t.record["data"]["test_sha256"]: t.record["preset"] for own in kept.values() for t in own}
    if len(digests) > 1:
        raise VaelineError(f"records of {' and '.join(digests.values())} are of different test images")
    return {cell: [t.bounds for t in own if t.bounds is not None] for cell, own in kept.items()}


def difference_row(difference: CellDifference) -> Row:
    """Returns a difference as JSON."""
    return {
        "start": difference.start.preset,
        "end": difference.end.preset,
        "trainings": list(difference.trainings),
        "published": difference.published,
        "measured": difference.measured.mean,
        "paired_se": difference.measured.se,
        "error": difference.error,
        "distance": difference.distance,
        "distance_error": difference.distance_error,
        "sign": difference.sign,
        "agrees": difference.agrees,
    }

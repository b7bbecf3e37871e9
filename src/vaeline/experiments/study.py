"""A study: presets that together answer one question, and the page of results that shows their records."""

from abc import ABC, abstractmethod
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any, ClassVar

from vaeline.core.errors import VaelineError
from vaeline.core.files import write_json, write_text
from vaeline.experiments.preset_runs import run_presets
from vaeline.experiments.presets import preset_names, preset_overrides
from vaeline.experiments.records import PresetRecord, load_records, record_path
from vaeline.experiments.results import RESULTS
from vaeline.experiments.search.placement import HERE, Placement

Row = dict[str, Any]
"""One preset on the page: what it is, and the results of its record if it has one."""


class Study(ABC):
    """Presets that together answer one question.

    Attributes:
        command: The `vaeline` command that runs the study.
        page: The file name of its page and of the JSON file beside it.
        prefix: What its presets' names begin with; the rest is the name of a member.
    """

    command: ClassVar[str]
    page: ClassVar[str]
    prefix: ClassVar[str]

    def members(self) -> list[str]:
        """Returns the study's presets without their prefix, in the order of the page."""
        names = [name for name in preset_names() if name.startswith(self.prefix)]
        return sorted((name.removeprefix(self.prefix) for name in names), key=self.order)

    @abstractmethod
    def order(self, member: str) -> tuple[Any, ...]:
        """Returns what members are sorted by."""

    @abstractmethod
    def description(self, member: str, changes: Mapping[str, Any]) -> Row:
        """Returns what a row says of a preset, whether or not it has run."""

    @abstractmethod
    def outcome(self, record: PresetRecord | None) -> Row:
        """Returns what a row says of a preset's record, or of a preset without one."""

    @abstractmethod
    def markdown(self, rows: Sequence[Row]) -> str:
        """Returns the page."""

    def rerun(self, member: str) -> str:
        """Returns the command that runs a member again."""
        return f"vaeline {self.command} {member}"

    def row(self, member: str, record: PresetRecord | None) -> Row:
        """Returns the row of a member.

        Raises:
            VaelineError: If the record was made with other overrides than the preset has today.
        """
        preset = self.prefix + member
        changes = preset_overrides(preset)
        if record is not None and record["overrides"] != changes:
            raise VaelineError(
                f"{record_path(preset)} was made before presets/{preset}.yaml changed: {self.rerun(member)}"
            )
        return self.description(member, changes) | self.outcome(record)

    def rows(self) -> list[Row]:
        """Returns the rows of all members, from the records in the repository."""
        records = load_records()
        return [self.row(member, records.get(self.prefix + member)) for member in self.members()]

    def write(self) -> None:
        """Writes the page and its rows as JSON, and prints how many members have a record."""
        rows, records = self.rows(), load_records()
        page, values = RESULTS / f"{self.page}.md", RESULTS / f"{self.page}.json"
        write_text(page, self.markdown(rows))
        write_json(values, rows)
        written = ", ".join(map(str, (page, values, *self.write_more(RESULTS))))
        finished = [member for member in self.members() if self.prefix + member in records]
        print(f"Wrote {written}: {len(finished)} of {len(rows)} presets have a record")

    def write_more(self, folder: Path) -> list[Path]:  # noqa: ARG002
        """Writes what belongs to the page besides, into `folder`, and returns the paths: here nothing."""
        return []

    def run(self, wanted: Sequence[str], placement: Placement = HERE) -> None:
        """Runs members, and writes the page after each.

        Args:
            wanted: The members to run; if there are none, those without a record.
            placement: Where they run.

        Raises:
            VaelineError: If a name is unknown, before anything runs; or at the end, if any member failed.
        """
        members, records = self.members(), load_records()
        if unknown := [name for name in wanted if name not in members]:
            raise VaelineError(f"there is no '{unknown[0]}': {' '.join(members)}")
        missing = [member for member in members if self.prefix + member not in records]
        if not (chosen := wanted or missing):
            self.write()
        presets = [self.prefix + member for member in chosen]
        run_presets(presets, lambda preset: self.finish(preset.removeprefix(self.prefix)), placement)

    def finish(self, member: str) -> None:
        """Brings the page up to date after a member has run; a page with its pictures copies them first."""
        print(f"{member}: {record_path(self.prefix + member)}")
        self.write()

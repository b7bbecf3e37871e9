"""What must hold once a fault is over: the same bytes, one MLflow run that has ended, one clear line."""

import hashlib
import re
import sqlite3
from collections.abc import Collection, Mapping
from contextlib import closing
from dataclasses import dataclass
from pathlib import Path

PRODUCED = ("data/prepared", "outputs")
VARYING = frozenset(
    {
        "outputs/train/run.json",  # the id of the run, seconds
        "outputs/report/summary.json",  # the same
        "outputs/report/report.html",  # the same
    }
)
"""Files that two undisturbed runs do not have in common either."""
TRACEBACK = "Traceback (most recent call last)"


@dataclass(frozen=True)
class Verdict:
    """What held after a fault; each is True where all is well.

    Attributes:
        identical: every file that the stages produced has the bytes of an undisturbed run.
        one_run: MLflow has as many runs as an undisturbed run makes, each epoch of them logged once.
        none_running: none of them is RUNNING.
        one_line: no traceback was printed, and a line that says what is wrong, where there was time for it.
        detail: what did not hold, for the reader.
    """

    identical: bool
    one_run: bool
    none_running: bool
    one_line: bool
    detail: str = ""

    @property
    def holds(self) -> bool:
        """Whether all of it held."""
        return self.identical and self.one_run and self.none_running and self.one_line


@dataclass(frozen=True)
class State:
    """What a clone holds: the hash of each file produced, and MLflow's runs by status and logged epochs."""

    files: Mapping[str, str]
    runs: Collection[tuple[str, int]]

    @classmethod
    def of(cls, root: Path) -> "State":
        """Returns the state of the clone at `root`."""
        paths = (path for folder in PRODUCED for path in sorted((root / folder).rglob("*")) if path.is_file())
        names = {path.relative_to(root).as_posix(): path for path in paths}
        files = {
            name: hashlib.sha256(path.read_bytes()).hexdigest()
            for name, path in names.items()
            if name not in VARYING
        }
        return cls(files, runs_in(root / "mlflow.db"))


def runs_in(database: Path) -> list[tuple[str, int]]:
    """Returns the status of each run in an SQLite file of MLflow, and how many epochs it has."""
    if not database.is_file():
        return []
    with closing(sqlite3.connect(f"{database.as_uri()}?mode=ro", uri=True)) as opened:
        return opened.execute(
            "SELECT status, (SELECT count(*) FROM metrics WHERE metrics.run_uuid = runs.run_uuid"
            " AND key = 'valid_elbo') FROM runs WHERE lifecycle_stage = 'active'"
        ).fetchall()


def verdict_of(root: Path, expected: State, said: str, line_of: str = "") -> Verdict:
    """Returns what held in the clone at `root`.

    Args:
        root: the clone, after the stages have run to their end.
        expected: the state after an undisturbed run.
        said: all that was printed, during the fault and after it.
        line_of: a pattern that a printed line must match; "" asks for none.
    """
    state = State.of(root)
    differ = sorted(
        name for name in {*state.files, *expected.files} if state.files.get(name) != expected.files.get(name)
    )
    running = [status for status, _ in state.runs if status in ("RUNNING", "SCHEDULED")]
    one_run = sorted(points for _, points in state.runs) == sorted(points for _, points in expected.runs)
    told = TRACEBACK not in said and (not line_of or bool(re.search(line_of, said, re.MULTILINE)))
    problems = (
        f"differ: {', '.join(differ)}" if differ else "",
        "" if one_run else f"runs: {state.runs} instead of {expected.runs}",
        "" if told else f"printed: {said[-2000:]}",
    )
    detail = "; ".join(filter(None, problems))
    return Verdict(not differ, one_run, not running, told, detail)

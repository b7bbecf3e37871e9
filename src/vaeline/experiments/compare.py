"""Sets several runs side by side in one page.

A run is a DVC experiment, a git revision, or the workspace. Its report is read as the pipeline left
it.
"""

import contextlib
import difflib
import subprocess
import tempfile
from collections.abc import Sequence
from pathlib import Path

from vaeline.core.errors import VaelineError
from vaeline.core.files import write_text
from vaeline.experiments.find import experiments
from vaeline.provenance.git import git
from vaeline.reporting.comparison.page import comparison_page
from vaeline.reporting.page.run import RunResults

COMMITTED, WORKSPACE = "HEAD", "workspace"
REPORT_FOLDER = Path("outputs/report")
COMPARISON_PAGE = Path("reports/compare.html")


def write_comparison(names: Sequence[str]) -> Path:
    """Writes the page of the runs that are named, see `runs_to_compare`, and returns its path."""
    write_text(COMPARISON_PAGE, comparison_page([read_run(name) for name in runs_to_compare(names)]))
    return COMPARISON_PAGE


def runs_to_compare(names: Sequence[str]) -> list[str]:
    """Returns which runs are compared: a single one with HEAD, or with the workspace if it is HEAD itself."""
    several = list(dict.fromkeys(names or [WORKSPACE]))
    return several if len(several) > 1 else list(dict.fromkeys([COMMITTED, *several, WORKSPACE]))[:2]


def read_run(name: str) -> RunResults:
    """Returns the results of an experiment, of a revision or of the workspace.

    Raises:
        VaelineError: If nothing has that name, or if the run has no report.
    """
    if name == WORKSPACE:
        return _read(REPORT_FOLDER, name, "`make repro` writes it")
    rev = revision(name)
    with tempfile.TemporaryDirectory() as folder:
        _fetch(rev, folder)
        return _read(Path(folder, REPORT_FOLDER.name), name, "`dvc pull` if a remote has it, or run it again")


def revision(name: str) -> str:
    """Returns the commit of an experiment (the newest if several have the name) or of a git revision.

    Raises:
        VaelineError: If there is neither; the message has the nearest names.
    """
    revs = {experiment.name: experiment.rev for experiment in reversed(experiments())}
    if name in revs:
        return revs[name]
    command = ["git", "rev-parse", "--verify", "--quiet", "--end-of-options", f"{name}^{{commit}}"]
    done = subprocess.run(command, capture_output=True, text=True)
    if done.returncode == 0:
        return done.stdout.strip()
    branches = git("for-each-ref", "--format=%(refname:short)", "refs/heads", "refs/tags").splitlines()
    names = [WORKSPACE, COMMITTED, *revs, *branches]
    near = difflib.get_close_matches(name, names, n=3) or names[:5]
    raise VaelineError(f"there is no run '{name}'; the nearest are {', '.join(near)}")


def _fetch(rev: str, folder: str) -> None:
    """Copies the report of a revision into `folder`, if it can be had."""
    from dvc.api import DVCFileSystem  # takes a second: not for the workspace alone

    with contextlib.suppress(FileNotFoundError):  # no such output then, or neither cache nor remote has it
        DVCFileSystem(rev=rev).get(str(REPORT_FOLDER), folder, recursive=True)


def _read(folder: Path, name: str, remedy: str) -> RunResults:
    try:
        return RunResults.read(folder, name)
    except FileNotFoundError:
        raise VaelineError(f"the run '{name}' has no report here ({REPORT_FOLDER}): {remedy}") from None

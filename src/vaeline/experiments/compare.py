"""Several runs side by side in one page: `make report RUNS="HEAD beta=4 workspace"`.

A run is a DVC experiment, a revision of git, or `workspace`; read is its report, as the pipeline left it.
"""

import contextlib
import difflib
import subprocess
import sys
import tempfile
from collections.abc import Sequence
from pathlib import Path

from vaeline.core.errors import VaelineError
from vaeline.core.files import write_text
from vaeline.experiments.find import experiments
from vaeline.experiments.launch import stoppable
from vaeline.provenance.git import git
from vaeline.reporting.comparison.page import comparison_page
from vaeline.reporting.page.run import RunResults

COMMITTED, WORKSPACE = "HEAD", "workspace"
REPORT = Path("outputs/report")
PAGE = Path("reports/compare.html")


def runs_to_compare(names: Sequence[str]) -> list[str]:
    """Returns which runs to set side by side: one alone stands beside HEAD, and so does the workspace."""
    several = list(dict.fromkeys(names or [WORKSPACE]))
    return several if len(several) > 1 else list(dict.fromkeys([COMMITTED, *several, WORKSPACE]))[:2]


def read_run(name: str) -> RunResults:
    """Returns the run of an experiment, a revision or the workspace.

    Raises VaelineError for a name that nothing has, and for a run without a report.
    """
    if name == WORKSPACE:
        return _read(REPORT, name, "`make repro` makes it")
    rev = revision(name)
    with tempfile.TemporaryDirectory() as folder:
        _fetch(rev, folder)
        return _read(Path(folder, REPORT.name), name, "`dvc pull`, where a remote has it, or run it again")


def revision(name: str) -> str:
    """Returns the commit of an experiment (of several of one name the newest) or of a revision.

    Raises VaelineError with the nearest names where there is neither.
    """
    known = {experiment.name: experiment.rev for experiment in reversed(experiments())}
    if name in known:
        return known[name]
    asked = ["git", "rev-parse", "--verify", "--quiet", "--end-of-options", f"{name}^{{commit}}"]
    done = subprocess.run(asked, capture_output=True, text=True)
    if done.returncode == 0:
        return done.stdout.strip()
    branches = git("for-each-ref", "--format=%(refname:short)", "refs/heads", "refs/tags").splitlines()
    names = [WORKSPACE, COMMITTED, *known, *branches]
    near = difflib.get_close_matches(name, names, n=3) or names[:5]
    raise VaelineError(f"there is no run '{name}'; the nearest are {', '.join(near)}")


def _fetch(rev: str, folder: str) -> None:
    """Copies the report of a revision into `folder`, or nothing where there is none."""
    from dvc.api import DVCFileSystem  # a second: only for what is not in the workspace

    with contextlib.suppress(FileNotFoundError):  # no such output then, or neither cache nor remote has it
        DVCFileSystem(rev=rev).get(str(REPORT), folder, recursive=True)


def _read(folder: Path, name: str, remedy: str) -> RunResults:
    try:
        return RunResults.read(folder, name)
    except FileNotFoundError:
        raise VaelineError(f"the run '{name}' has no report here ({REPORT}): {remedy}") from None


def main() -> None:
    """Writes the page of the runs that are named, and prints where it is."""
    with stoppable("report"):
        write_text(PAGE, comparison_page([read_run(name) for name in runs_to_compare(sys.argv[1:])]))
        print(f"{PAGE.resolve().as_uri()}")


if __name__ == "__main__":
    main()

"""Starts a DVC experiment in a copy of the repository, stops it cleanly, and tells why it failed."""

import contextlib
import os
import re
import subprocess
import sys
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any

from tqdm import tqdm

from vaeline.core.errors import VaelineError
from vaeline.data.catalog import DATASETS
from vaeline.experiments.find import PATH_PARAM, experiments, params_with
from vaeline.experiments.sessions import ready_for_ctrl_c, stop_session
from vaeline.provenance.commands import override_arguments
from vaeline.provenance.git import git

LOGS = Path(".scratch/experiments")
LONGEST_LINE = 60  # characters of a log that stand beside a bar
NO_VARIABLES: Mapping[str, str] = {}


@contextlib.contextmanager
def running_experiment(
    overrides: Sequence[str],
    name: str,
    *targets: str,
    environment: Mapping[str, str] = NO_VARIABLES,
    pull: bool = False,
) -> Iterator["subprocess.Popen[bytes]"]:
    """Yields the DVC process that runs an experiment, whole or up to the stages `targets`.

    Any exception, such as that of Ctrl-C, stops DVC and its stage.

    Args:
        overrides: `key=value` for each param that the experiment changes.
        name: The experiment's name; a number is appended if it is taken.
        *targets: Stages to run; all if there are none.
        environment: Variables that its stages have beside those of this process.
        pull: Whether what is missing here comes from the DVC remote.

    Raises:
        VaelineError: If DVC could not keep the result here.
    """
    _check_repository()
    flags = [flag for override in with_whole_path(overrides) for flag in ("-S", override)]
    flags += ["--pull"] * pull
    command = [sys.executable, "-m", "dvc", "exp", "run", "--temp", "-n", unused_name(name), *flags, *targets]
    search_path = f"{Path(sys.executable).parent}{os.pathsep}{os.environ['PATH']}"
    path = log_path(name)
    path.parent.mkdir(parents=True, exist_ok=True)
    with path.open("wb") as output:
        # In its own session, Ctrl-C reaches DVC through `stop_session` alone.
        process = subprocess.Popen(
            command, stdout=output, stderr=subprocess.STDOUT, start_new_session=True,
            env=os.environ | environment | {"PATH": search_path}, preexec_fn=ready_for_ctrl_c,
        )  # fmt: skip
    try:
        yield process
    finally:
        stop_session(process)


def with_whole_path(overrides: Sequence[str]) -> list[str]:
    """Returns `overrides`, and the absolute path of the user's own data if it is given as a relative one.

    The copy of the repository, in which the experiment runs, lacks what git does not track.
    """
    data = params_with(overrides)["data"]
    path = Path(data["path"])
    if not DATASETS[data["name"]].of_path or path.is_absolute():
        return [*overrides]
    others = [override for override in overrides if override.partition("=")[0] != PATH_PARAM]
    return [*others, *override_arguments({PATH_PARAM: str(path.absolute())})]


def watch(process: "subprocess.Popen[bytes]", name: str, progress: "tqdm[Any]") -> None:
    """Waits for the experiment to end, and shows the last line of its log beside the progress bar."""
    while True:
        show_line(progress, name, last_line(name))
        try:
            process.wait(timeout=1)
        except subprocess.TimeoutExpired:
            continue
        return


def show_line(progress: "tqdm[Any]", name: str, line: str) -> None:
    """Shows a line of an experiment's log beside the progress bar."""
    progress.set_postfix_str(f"{name}: {line[:LONGEST_LINE]}", refresh=sys.stderr.isatty())


def last_line(name: str) -> str:
    """Returns the last line of the experiment's log, where a progress bar has written over itself."""
    return re.split(r"[\r\n]+", log_path(name).read_text(errors="replace").strip())[-1]


def log_path(name: str) -> Path:
    """Returns the path of the experiment's log."""
    return LOGS / f"{name}.log"


def failure(name: str) -> str:
    """Returns why the experiment failed, as far as its log says, and the path of the log."""
    lines = [line.strip() for line in log_path(name).read_text(errors="replace").splitlines() if line.strip()]
    first = next((i for i, line in enumerate(lines) if line.startswith("ERROR: ")), len(lines))
    by_stage = first == len(lines) or lines[first].startswith("ERROR: failed to reproduce")
    reason = "it printed nothing"
    if lines:  # the last line of the stage, or DVC's own error
        reason = lines[max(0, first - 1) if by_stage else first].removeprefix("ERROR: ")
    return f"{name} failed: {reason} (full log: {log_path(name)})"


def unused_name(name: str) -> str:
    """Returns `name`, or `name-2`, `name-3`, … if an experiment has that name already."""
    taken = {experiment.name for experiment in experiments()}
    numbered = (f"{name}-{i}" for i in range(2, len(taken) + 3))
    return next(n for n in (name, *numbered) if n not in taken)


def _check_repository() -> None:
    """Raises VaelineError where DVC would lose the result, or would stop without a clear message."""
    if git("rev-parse", "--is-shallow-repository").strip() == "true":
        raise VaelineError("this clone is shallow, and DVC loses experiments there: `git fetch --unshallow`")
    if git("status", "--porcelain", "--untracked-files=no"):
        try:
            git("var", "GIT_COMMITTER_IDENT")
        except VaelineError:
            raise VaelineError(
                "files have changed since the last commit, and DVC needs git's user.name and user.email to "
                "include them: set both with `git config`"
            ) from None

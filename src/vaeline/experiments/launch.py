"""Starting a DVC experiment in a copy of the repository, stopping it cleanly, and why it failed."""

import contextlib
import os
import re
import signal
import subprocess
import sys
from collections.abc import Iterator, Sequence
from pathlib import Path

from tqdm import tqdm

from vaeline.core.errors import VaelineError
from vaeline.experiments.find import experiments
from vaeline.provenance.git import git

LOGS = Path(".scratch/experiments")


@contextlib.contextmanager
def stoppable(target: str) -> Iterator[None]:
    """Ends `make <target>` with status 1 and one line where something is wrong, or where it is stopped."""
    signal.signal(signal.SIGTERM, signal.default_int_handler)  # a kill stops it as Ctrl-C does
    try:
        yield
    except VaelineError as error:
        sys.exit(f"{target}: {error}")
    except KeyboardInterrupt:
        sys.exit(f"{target}: stopped; the same command goes on where it stood")


@contextlib.contextmanager
def running_experiment(
    overrides: Sequence[str], name: str, *targets: str
) -> Iterator[subprocess.Popen[bytes]]:
    """Yields DVC running the experiment, whole or up to the stages `targets`.

    On an exception, as of Ctrl-C, DVC and its stage are stopped.
    """
    _can_run()
    flags = [flag for override in overrides for flag in ("-S", override)]
    command = [sys.executable, "-m", "dvc", "exp", "run", "--temp", "-n", _free(name), *flags, *targets]
    environment = os.environ | {"PATH": f"{Path(sys.executable).parent}{os.pathsep}{os.environ['PATH']}"}
    path = log_path(name)
    path.parent.mkdir(parents=True, exist_ok=True)
    with path.open("wb") as output:
        # In a session of its own, Ctrl-C reaches it through `_stop`, also where a shell made us ignore it.
        process = subprocess.Popen(
            command, stdout=output, stderr=subprocess.STDOUT, env=environment, start_new_session=True,
            preexec_fn=lambda: signal.signal(signal.SIGINT, signal.SIG_DFL),
        )  # fmt: skip
    try:
        yield process
    finally:
        _stop(process)


def watch(process: subprocess.Popen[bytes], name: str, shown: tqdm) -> None:
    """Waits for the experiment's end, and shows how far it is by the last line of its log."""
    while True:
        lines = re.split(r"[\r\n]+", log_path(name).read_text(errors="replace").strip())
        shown.set_postfix_str(f"{name}: {lines[-1][:60]}", refresh=sys.stderr.isatty())
        try:
            process.wait(timeout=1)
        except subprocess.TimeoutExpired:
            continue
        return


def log_path(name: str) -> Path:
    """Returns where the output of the experiment `name` goes."""
    return LOGS / f"{name}.log"


def failure(name: str) -> str:
    """Returns why the experiment failed, as far as the end of its log says it, and where to read on."""
    lines = [line.strip() for line in log_path(name).read_text(errors="replace").splitlines() if line.strip()]
    first = next((i for i, line in enumerate(lines) if line.startswith("ERROR: ")), len(lines))
    by_stage = first == len(lines) or lines[first].startswith("ERROR: failed to reproduce")
    reason = "it printed nothing"
    if lines:  # what a stage printed last, or what DVC says
        reason = lines[max(0, first - 1) if by_stage else first].removeprefix("ERROR: ")
    return f"{name} failed: {reason} (all of it: {log_path(name)})"


def _stop(process: subprocess.Popen[bytes]) -> None:
    """Ends DVC and its stage, first by the signal of Ctrl-C, on which DVC puts away its temporary copy."""
    for number, patience in ((signal.SIGINT, 60), (signal.SIGTERM, 10), (signal.SIGKILL, 10)):
        if process.poll() is not None:
            return
        os.killpg(process.pid, number)
        with contextlib.suppress(subprocess.TimeoutExpired):
            process.wait(timeout=patience)


def _can_run() -> None:
    """Raises VaelineError where DVC would lose the result, or stop without a clear word."""
    if git("rev-parse", "--is-shallow-repository").strip() == "true":
        raise VaelineError("this clone is shallow, and DVC loses experiments there: `git fetch --unshallow`")
    if git("status", "--porcelain", "--untracked-files=no"):
        try:
            git("var", "GIT_COMMITTER_IDENT")
        except VaelineError:
            raise VaelineError(
                "files have changed since the last commit, and DVC cannot take them along without git's "
                "user.name and user.email: set both by `git config`"
            ) from None


def _free(name: str) -> str:
    """Returns `name`, or `name-2` and so on where an experiment is already called that."""
    taken = {experiment.name for experiment in experiments()}
    numbered = (f"{name}-{i}" for i in range(2, len(taken) + 3))
    return next(n for n in (name, *numbered) if n not in taken)

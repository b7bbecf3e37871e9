"""DVC experiments from Python: which one has given params at this code, running one, and its metrics.

An experiment runs in a copy of the repository (`dvc exp run --temp`), so that params.yaml and outputs/ of the
workspace stay as they are. What has already run, under any name and at any commit, is found again and not
run anew; so are stages that only another experiment has run, by DVC's run-cache.
"""

import contextlib
import difflib
import functools
import hashlib
import json
import os
import re
import shlex
import signal
import subprocess
import sys
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from vaeline.closure import is_code
from vaeline.config import ExperimentConfig
from vaeline.errors import VaelineError
from vaeline.params import parse_yaml, read_yaml, validated
from vaeline.provenance import flat, text
from vaeline.report import STAGES

LOGS = Path(".scratch/experiments")
# refs/exps/<commit that it varies>/<name>; what else is there (queue, stash) is DVC's own.
REF = re.compile(r"([0-9a-f]{40}) refs/exps/[0-9a-f]{2}/[0-9a-f]{38}/(\S+)")


@dataclass(frozen=True)
class Experiment:
    """A finished experiment, or the committed results themselves (`name` = "HEAD")."""

    name: str
    rev: str


def params_with(overrides: Sequence[str]) -> dict[str, Any]:
    """Returns params.yaml with `key=value` overrides; raises VaelineError for a wrong key or value."""
    values = flat(read_yaml("params.yaml"))
    for override in overrides:
        key, equals, value = override.partition("=")
        if not equals:
            raise VaelineError(f"'{override}' is no override: expected key=value, as in data.name=digits")
        if key not in values:
            close = difflib.get_close_matches(key, values, n=1)
            raise VaelineError(
                f"params.yaml has no '{key}'" + (f": did you mean '{close[0]}'?" if close else "")
            )
        values[key] = parse_yaml(value)
    return validated(ExperimentConfig, nested(values)).to_dict()


def nested(values: Mapping[str, Any]) -> dict[str, Any]:
    """Returns values with dotted keys as nested ones: the opposite of `flat`."""
    result: dict[str, Any] = {}
    for key, value in values.items():
        *path, last = key.split(".")
        place = result
        for part in path:
            place = place.setdefault(part, {})
        place[last] = value
    return result


def find(params: Mapping[str, Any]) -> Experiment | None:
    """Returns the newest experiment with exactly `params` that ran this workspace's code, if there is one.

    The committed results count as well. Compared is what dvc.lock recorded of each stage when it ran:
    command, params and the hash of every file of code.
    """
    wanted, expected = _texts(params), _expected(params)
    head = Experiment("HEAD", _git("rev-parse", "HEAD").strip())
    for experiment in [*_experiments(), head]:
        with contextlib.suppress(VaelineError):  # a commit without the pipeline's results
            if _committed(experiment.rev) == wanted and _recorded(experiment.rev) == expected:
                metrics(experiment.rev)
                return experiment
    return None


def metrics(rev: str) -> dict[str, float | str]:
    """Returns every stage's metrics at a revision as `<stage>/<name>`; raises VaelineError without any."""
    return {
        f"{stage}/{name}": value
        for stage in STAGES
        for name, value in json.loads(_show(rev, f"outputs/{stage}/metrics.json")).items()
    }


def run(overrides: Sequence[str], name: str) -> Experiment:
    """Returns the experiment with these overrides, run only if there is none yet; its output goes to a log.

    Raises VaelineError with the reason where it fails. After a kill, the next call goes on where it stood.
    """
    params = params_with(overrides)
    if not (found := find(params)):
        with started(overrides, name) as process:
            process.wait()
        found = find(params)
    if not found:
        raise VaelineError(failure(name))
    return found


@contextlib.contextmanager
def started(overrides: Sequence[str], name: str) -> Iterator[subprocess.Popen[bytes]]:
    """Yields DVC running the experiment; on an exception, as of Ctrl-C, DVC and its stage are stopped."""
    _can_run()
    flags = [flag for override in overrides for flag in ("-S", override)]
    command = [sys.executable, "-m", "dvc", "exp", "run", "--temp", "-n", _free(name), *flags]
    environment = os.environ | {"PATH": f"{Path(sys.executable).parent}{os.pathsep}{os.environ['PATH']}"}
    path = log(name)
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


def log(name: str) -> Path:
    """Returns where the output of the experiment `name` goes."""
    return LOGS / f"{name}.log"


def failure(name: str) -> str:
    """Returns why the experiment failed, as far as the end of its log says it, and where to read on."""
    lines = [line.strip() for line in log(name).read_text(errors="replace").splitlines() if line.strip()]
    first = next((i for i, line in enumerate(lines) if line.startswith("ERROR: ")), len(lines))
    by_stage = first == len(lines) or lines[first].startswith("ERROR: failed to reproduce")
    reason = "it printed nothing"
    if lines:  # what a stage printed last, or what DVC says
        reason = lines[max(0, first - 1) if by_stage else first].removeprefix("ERROR: ")
    return f"{name} failed: {reason} (all of it: {log(name)})"


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
    if _git("rev-parse", "--is-shallow-repository").strip() == "true":
        raise VaelineError("this clone is shallow, and DVC loses experiments there: `git fetch --unshallow`")
    if _git("status", "--porcelain", "--untracked-files=no"):
        try:
            _git("var", "GIT_COMMITTER_IDENT")
        except VaelineError:
            raise VaelineError(
                "files have changed since the last commit, and DVC cannot take them along without git's "
                "user.name and user.email: set both by `git config`"
            ) from None


def _free(name: str) -> str:
    """Returns `name`, or `name-2` and so on where an experiment is already called that."""
    taken = {experiment.name for experiment in _experiments()}
    numbered = (f"{name}-{i}" for i in range(2, len(taken) + 3))
    return next(n for n in (name, *numbered) if n not in taken)


def _experiments() -> list[Experiment]:
    """Returns all finished experiments, newest first."""
    listed = _git("for-each-ref", "--sort=-committerdate", "--format=%(objectname) %(refname)", "refs/exps")
    return [Experiment(m[2], m[1]) for m in map(REF.fullmatch, listed.splitlines()) if m]


def _expected(params: Mapping[str, Any]) -> dict[str, Any]:
    """Returns of each stage the command, the params and the code that this workspace would run."""
    code: dict[str, str] = {}
    expected = {}
    for stage, entry in read_yaml("dvc.yaml")["stages"].items():
        files = list(filter(is_code, entry["deps"]))
        code |= {f: hashlib.md5(Path(f).read_bytes()).hexdigest() for f in files if f not in code}
        handed = {key: params[key] for key in entry.get("params", [])}
        expected[stage] = (entry["cmd"], _texts(handed), {file: code[file] for file in files})
    return expected


@functools.cache
def _committed(rev: str) -> dict[str, str]:
    """Returns the params of a commit. Read before its dvc.lock, which takes fifty times as long to parse."""
    return _texts(parse_yaml(_show(rev, "params.yaml")))


@functools.cache
def _recorded(rev: str) -> dict[str, Any]:
    """Returns the same of the stages that dvc.lock says led to what `rev` holds."""
    return {
        stage: (
            entry["cmd"],
            _texts(entry.get("params", {}).get("params.yaml", {})),
            {d["path"]: d["md5"] for d in entry["deps"] if is_code(d["path"])},
        )
        for stage, entry in parse_yaml(_show(rev, "dvc.lock"))["stages"].items()
    }


def _texts(params: Mapping[str, Any]) -> dict[str, str]:
    return {key: text(value) for key, value in flat(params).items()}


def _show(rev: str, path: str) -> str:
    return _git("show", f"{rev}:./{path}")


def _git(*arguments: str) -> str:
    done = subprocess.run(["git", *arguments], capture_output=True, text=True)
    if done.returncode:
        raise VaelineError(f"{shlex.join(['git', *arguments])}: {(done.stderr.splitlines() or [''])[0]}")
    return done.stdout

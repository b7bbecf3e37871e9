"""Two people who share a storage in S3: what the one has run, the other does not run again."""

import json
import subprocess
import tempfile
from pathlib import Path

from tests.support.clone import Clone
from tests.support.servers import object_store
from tests.team.page import Check

TARGET = "train"
EXPERIMENT = "quick"


def share_storage() -> list[Check]:
    """Returns what holds of a first clone that pushes, and of others that pull."""
    with tempfile.TemporaryDirectory(prefix="vaeline-team-") as name, object_store("team") as variables:
        folder = Path(name).resolve()
        endpoint = variables.pop("AWS_ENDPOINT_URL")  # it has to be in the repository's configuration
        first = _first_clone(folder, variables)
        wrong = first.run("vaeline", "remote", "s3://other/store", "--endpoint", endpoint, ok=False)
        first.run("vaeline", "remote", "s3://team/store", "--endpoint", endpoint)
        _push(first)
        second, third = (_clone(folder, each, variables) for each in ("second", "third"))
        return [
            Check("lines about a bucket that does not exist", str(len(wrong.stderr.splitlines())),
                  len(wrong.stderr.splitlines()) == 1 and "s3://other/store" in wrong.stderr),
            *_pulled(first, second),
            *_experiment(second),
            _without_lock(third),
        ]  # fmt: skip


def _first_clone(folder: Path, variables: dict[str, str]) -> Clone:
    """Returns a clone with a remote repository of git's, in which nothing has run."""
    (folder / "first").mkdir()
    clone = Clone.make(folder / "first")
    clone.environment |= variables
    subprocess.run(["git", "init", "-q", "--bare", "-b", "main", str(folder / "origin")], check=True)
    clone.run("git", "branch", "-M", "main")
    clone.run("git", "remote", "add", "origin", str(folder / "origin"))
    return clone


def _clone(folder: Path, name: str, variables: dict[str, str]) -> Clone:
    subprocess.run(["git", "clone", "-q", str(folder / "origin"), str(folder / name)], check=True)
    clone = Clone(folder / name)
    clone.environment |= variables
    clone.run("git", "config", "user.name", "test")
    clone.run("git", "config", "user.email", "test@example.com")
    return clone


def _push(clone: Clone) -> None:
    """Runs the pipeline up to `TARGET` and an experiment, and pushes all of it."""
    clone.run("dvc", "repro", TARGET)
    clone.commit("results")
    clone.run("git", "push", "-q", "origin", "main")
    clone.run("vaeline", "push")
    clone.run("dvc", "exp", "run", "-n", EXPERIMENT, "-S", "epochs=1", TARGET)  # pushed by itself
    clone.run("git", "checkout", "-q", "--", ".")


def _pulled(first: Clone, second: Clone) -> list[Check]:
    second.run("dvc", "pull", "--run-cache", "--with-deps", TARGET)
    again = second.run("dvc", "repro", TARGET)
    same = first.metrics()[TARGET] == second.metrics()[TARGET]
    return [
        _nothing_run("stages that run after `dvc pull --run-cache`", second, again),
        Check("the metrics of the two clones are equal", "yes" if same else "no", same),
    ]


def _experiment(second: Clone) -> list[Check]:
    listed = second.run("dvc", "exp", "list", "--name-only", "origin").stdout.split()
    second.run("dvc", "exp", "pull", "--run-cache", "origin", EXPERIMENT)
    shown = json.loads(second.run("dvc", "exp", "show", "--json").stdout)
    second.run("dvc", "exp", "apply", EXPERIMENT, ok=False)  # what comes after TARGET has no outputs
    again = second.run("dvc", "repro", TARGET)
    return [
        Check(
            "experiments of the first clone that the second lists", ", ".join(listed), EXPERIMENT in listed
        ),
        Check(
            "`dvc exp show` of the second shows the experiment",
            "yes" if EXPERIMENT in json.dumps(shown) else "no",
            EXPERIMENT in json.dumps(shown),
        ),
        _nothing_run("stages that run after `dvc exp apply`", second, again),
    ]


def _without_lock(third: Clone) -> Check:
    """A clone of the code alone, whose dvc.lock was not committed: the run cache knows its stages."""
    (third.root / "dvc.lock").unlink()
    third.run("dvc", "fetch", "--run-cache", ok=False)  # without dvc.lock, it misses the outputs
    again = third.run("dvc", "repro", "--pull", TARGET)
    return _nothing_run("stages that run with the run cache but without dvc.lock", third, again)


def _nothing_run(what: str, clone: Clone, done: subprocess.CompletedProcess[str]) -> Check:
    ran = clone.stages_run(done.stdout)
    return Check(what, ", ".join(ran) or "none", not ran)

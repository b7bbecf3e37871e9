"""A search on two hosts of one core each, one of which is killed, and then the command: `make cluster`.

Eight trials must finish once, each resumed where it stood, with the metrics that one process gives. What was
seen is in docs/results/cluster.md. It needs Linux, root (for network namespaces) and `vaeline[ray]`.
"""

import os
import shutil
import subprocess
import sys
import tempfile
import time
from collections import Counter
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

import pandas as pd

from tests.cluster.hosts import BIN, PORT, Host, hosts
from tests.support.committed import git
from tests.support.tiny_pipeline import tiny_repository

RESULTS = Path("docs/results").resolve()
EPOCHS, TRIALS = 9, 8
SPACE = """\
params:
  beta: [0.25, 0.5, 1.0, 2.0]
  latent_dim: [2, 3]
sampler: grid
"""
TEXT = """\
# Searches on a cluster

A search of {trials} trials of {epochs} epochs, each of {seconds} s: `make cluster`. Hosts are network
namespaces with one CPU for Ray each, a folder of their own for clones and caches, and a DVC remote that they
share. The pipeline is real, with DVC experiments, run cache and remote; its training only counts epochs.

| where | time | metrics |
| --- | --- | --- |
{table}

One host was killed as a whole after {first} trials had ended, and the command with `kill -9` after {then}.
Then the host was started and the command given again. {once} of {trials} trials ended exactly once. {again}
of their epochs were run twice: those after the last copy of a trial's state, and none of a trial that had
ended.
"""
COMMAND = ("vaeline", "search", "space.yaml")
SECONDS = "2"  # that an epoch takes


@dataclass
class Place:
    """A repository with the search, in a folder that also has what hosts keep.

    Attributes:
        root: The folder.
    """

    root: Path

    @property
    def repository(self) -> Path:
        """The repository."""
        return self.root / "repository"

    @property
    def journal(self) -> Path:
        """The file to which each epoch that is run is added."""
        return self.root / "journal"

    @classmethod
    def make(cls, root: Path) -> "Place":
        """Makes the repository, with a folder as its DVC remote."""
        place = cls(root)
        place.repository.mkdir(parents=True)
        os.chdir(place.repository)
        tiny_repository(EPOCHS)
        Path("space.yaml").write_text(SPACE)
        subprocess.run([BIN / "dvc", "remote", "add", "-q", "-d", "storage", root / "storage"], check=True)
        git("add", "-A")
        git("commit", "-qm", "a remote")
        return place

    def variables(self, of_host: dict[str, str]) -> dict[str, str]:
        """Returns the environment of the command."""
        return of_host | {"TINY_SECONDS": SECONDS, "TINY_JOURNAL": str(self.journal)}

    def epochs(self) -> list[str]:
        """Returns the epochs that were run, each as `EXPERIMENT EPOCH`."""
        return self.journal.read_text().splitlines() if self.journal.exists() else []

    def table(self) -> pd.DataFrame:
        """Returns the table of the search."""
        return pd.read_csv(self.repository / "docs/results/search-space.csv").set_index("trial")


def main() -> int:
    """Runs all searches, writes the page, and returns 1 if something did not hold."""
    folder = Path(tempfile.mkdtemp(prefix="cluster-"))
    try:
        local, here = timed(Place.make(folder / "local"), 0)
        one, on_one = timed(Place.make(folder / "one"), 1)
        two, on_two = timed(Place.make(folder / "two"), 2)
        killed = Place.make(folder / "killed")
        story = search_through_kills(killed)
        same = [equal_metrics(local, other) for other in (one, two, killed)]
    finally:
        os.chdir("/")
        shutil.rmtree(folder)
    held = all(same) and not story.lost
    rows = [
        ("this machine, without Ray, one after the other", here, "–"),
        ("one host of one core", on_one, same[0]),
        ("two hosts of one core", on_two, same[1]),
        ("two hosts, one killed, then the command", story.seconds, same[2]),
    ]
    (RESULTS / "cluster.md").write_text(page(rows, story))
    return int(not held)


def timed(place: Place, count: int) -> tuple[Place, float]:
    """Runs the search on so many hosts, or without Ray, and returns the seconds that it took."""
    with hosts(count, place.root) as nodes:
        for node in nodes:
            node.start()
        started = time.monotonic()
        process = command(place, nodes)
        if process.wait():
            raise RuntimeError((place.root / "command.log").read_text()[-3000:])
        return place, time.monotonic() - started


def command(place: Place, nodes: list[Host]) -> "subprocess.Popen[bytes]":
    """Starts the search on the first host."""
    log = (place.root / "command.log").open("ab")
    if not nodes:
        environment = place.variables(dict(os.environ) | {"PATH": f"{BIN}:{os.environ['PATH']}"})
        return subprocess.Popen(COMMAND, cwd=place.repository, env=environment, stdout=log, stderr=log)
    line = nodes[0].inside(*COMMAND, "--address", f"{nodes[0].address}:{PORT}")
    environment = place.variables(nodes[0].environment)
    return subprocess.Popen(line, cwd=place.repository, env=environment, stdout=log, stderr=log)


@dataclass(frozen=True)
class Story:
    """What the kills did.

    Attributes:
        before: Trials that had ended when the host was killed, and when the command was.
        again: Epochs that were run more than once, because of the kills.
        lost: Trials without a result, or with more than one.
        seconds: How long it took, from the first command to the end of the last.
    """

    before: tuple[int, int]
    again: int
    lost: int
    seconds: float


def search_through_kills(place: Place) -> Story:
    """Kills the second host in its second trial, then the command, and gives the command again."""
    with hosts(2, place.root) as (first, second):
        first.start()
        second.start()
        started = time.monotonic()
        process = command(place, [first])
        wait(lambda: ended(place) >= 2 and half_way(place), process)
        at_first = ended(place)
        second.kill()
        wait(lambda: ended(place) >= at_first + 2 and half_way(place), process)
        at_second = ended(place)
        process.kill()
        process.wait()
        second.start()
        if command(place, [first]).wait():
            raise RuntimeError((place.root / "command.log").read_text()[-3000:])
        seconds = time.monotonic() - started
    counts = Counter(place.epochs())
    once = {name for name in counts if name.endswith(f" {EPOCHS}") and counts[name] == 1}
    trials = place.table()["experiment"]
    return Story(
        (at_first, at_second), sum(counts.values()) - len(counts), TRIALS - len(once & last(trials)), seconds
    )


def last(trials: "pd.Series[str]") -> set[str]:
    """Returns the last epoch of each trial, as it is in the journal."""
    return {f"{name} {EPOCHS}" for name in trials}


def ended(place: Place) -> int:
    """Returns how many trials have run their last epoch."""
    return len({line for line in place.epochs() if line.endswith(f" {EPOCHS}")})


def half_way(place: Place) -> bool:
    """Returns whether two trials are in the middle of their epochs, and have had time to send their state."""
    furthest = Counter(line.split()[0] for line in place.epochs())
    return sum(EPOCHS > done >= EPOCHS - 2 for done in furthest.values()) >= 1


def wait(until: Callable[[], bool], process: "subprocess.Popen[bytes]") -> None:
    """Waits, as long as the command runs."""
    while not until():
        if process.poll() is not None:
            raise RuntimeError("the command ended before it was killed")
        time.sleep(0.1)


def equal_metrics(one: Place, other: Place) -> bool:
    """Returns whether two searches have the same trials with the same metrics."""
    columns = ["beta", "latent_dim", "train/best_valid_elbo", "epochs", "state"]
    return one.table()[columns].equals(other.table()[columns])


def page(rows: list[tuple[str, float, object]], story: Story) -> str:
    """Returns the page."""
    held = {True: "equal", False: "**different**"}
    table = "\n".join(f"| {name} | {s:.0f} s | {held.get(same, same)} |" for name, s, same in rows)  # type: ignore[call-overload]
    first, then = story.before
    return TEXT.format(
        trials=TRIALS, epochs=EPOCHS, seconds=SECONDS, table=table, first=first, then=then,
        once=TRIALS - story.lost, again=story.again,
    )  # fmt: skip


if __name__ == "__main__":
    sys.exit(main())

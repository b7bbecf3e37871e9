"""A clone of the project with a search of eight trials on `digits`, and what is seen of it while it runs."""

import contextlib
import json
import re
import subprocess
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import pandas as pd

from tests.cluster.nodes import PORT, Node
from tests.hosts.network import ADDRESSES
from tests.support.clone import Clone
from vaeline.experiments.find import experiments, metrics_at
from vaeline.experiments.launch import LOGS
from vaeline.experiments.watching import epochs_path

EPOCHS, TRIALS = 60, 8
SPACE = """\
params:
  beta: [0.25, 0.5, 1.0, 2.0]
  latent_dim: [2, 20]
sampler: grid
"""
COMMAND = ("vaeline", "search", "space.yaml")
RESUMED = re.compile(r"train: resuming after epoch (\d+)")


@dataclass(frozen=True)
class Place:
    """A folder with the repository, its DVC remote, and what hosts keep.

    Attributes:
        root: The folder.
    """

    root: Path

    @property
    def repository(self) -> Path:
        """The repository."""
        return self.root / "repository"

    @classmethod
    def make(cls, root: Path) -> "Place":
        """Makes the repository."""
        place = cls(root)
        clone = Clone.make(place.repository)
        params = place.repository / "params.yaml"
        params.write_text(params.read_text().replace("epochs: 3", f"epochs: {EPOCHS}", 1))
        (place.repository / "space.yaml").write_text(SPACE)
        clone.run("dvc", "remote", "add", "-q", "-d", "storage", str(root / "storage"))
        clone.commit("a search")
        return place

    def command(self, node: Node) -> "subprocess.Popen[bytes]":
        """Starts the search on the host of `node`."""
        line = node.inside(*COMMAND, "--address", f"{ADDRESSES[0]}:{PORT}")
        with (self.root / "command.log").open("ab") as log:
            return subprocess.Popen(line, cwd=self.repository, env=node.environment, stdout=log, stderr=log)

    def finish(self, process: "subprocess.Popen[bytes]") -> None:
        """Waits for the end of the search."""
        if process.wait():
            raise RuntimeError((self.root / "command.log").read_text()[-3000:])

    def table(self) -> pd.DataFrame:
        """Returns the table of the search."""
        return pd.read_csv(self.repository / "docs/results/search-space.csv").set_index("trial")

    def has_metrics_of(self, other: "Place") -> bool:
        """Returns whether two searches have the same trials, epochs, and metrics of every stage."""
        own, theirs = (place.table().drop(columns="revision") for place in (self, other))
        return own.equals(theirs) and self.metrics() == other.metrics()

    def metrics(self) -> dict[str, dict[str, float | str]]:
        """Returns the metrics of all stages of each trial."""
        with contextlib.chdir(self.repository):
            return {experiment.name: metrics_at(experiment.rev) for experiment in experiments()}

    def ended(self) -> set[str]:
        """Returns the trials whose experiment is here."""
        refs = ["git", "for-each-ref", "--format=%(refname)", "refs/exps"]
        listed = subprocess.check_output(refs, cwd=self.repository, text=True).split()
        return {name.rpartition("/")[2] for name in listed}


def epochs_on(node: Node) -> dict[str, int]:
    """Returns how many epochs each trial has done whose clone is on a node."""
    name = epochs_path("*").name
    found = _contents(node, name)
    return {path.removesuffix(name[1:]): json.loads(text)["epochs"][-1]["epoch"] for path, text in found}


def resumed_on(node: Node) -> dict[str, int]:
    """Returns the trials that have resumed on a node, each with the epoch after which it did."""
    resumed = {name.removesuffix(".log"): RESUMED.findall(text) for name, text in _contents(node, "*.log")}
    return {name: int(epochs[-1]) for name, epochs in resumed.items() if epochs}


def _contents(node: Node, name: str) -> Iterator[tuple[str, str]]:
    for clone in list(node.folder.glob("vaeline/*/jobs/*")):
        with contextlib.suppress(FileNotFoundError):  # it has been discarded
            for path in (clone / LOGS).glob(name):
                yield path.name, path.read_text(errors="replace")

"""Two hosts, each with a clone of the project and its prepared data, and what they computed."""

import csv
import json
import math
import re
import shutil
import subprocess
import sys
import tempfile
from collections.abc import Iterator, Mapping
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass
from pathlib import Path

import torch

from tests.hosts.network import ADDRESSES, NAMES, linked_namespaces
from tests.support.clone import Clone
from tests.support.warm import warm_packages
from vaeline.tracking.runs import database

PORT = 29500
EPOCHS = 8
STAGES = ("train", "evaluate", "fid_reference", "fid")
# Batches of 101 leave a last one that two processes cannot share evenly; free bits look at all of it.
PARAMS = {
    "epochs: 3": f"epochs: {EPOCHS}",
    "batch_size: 128": "batch_size: 101",
    "free_bits: 0.0": "free_bits: 0.05",
}
PROGRESS = re.compile(r"\d+%\||^vaeline hosts: waiting|^MLflow: ")
VARYING = ("seconds", "images_per_second")  # metrics of the machine
Curves = list[dict[str, float]]


@dataclass(frozen=True)
class Results:
    """What the stages wrote: figures of each epoch, numbers of each stage, and the last weights."""

    curves: Curves
    metrics: Mapping[str, float]
    weights: Mapping[str, torch.Tensor]

    @classmethod
    def of(cls, root: Path) -> "Results":
        """Returns those in the clone at `root`."""
        with (root / "outputs/train/history.csv").open() as file:
            curves = [{name: float(value) for name, value in row.items()} for row in csv.DictReader(file)]
        metrics = {
            f"{stage}.{name}": value
            for stage in STAGES
            if (path := root / "outputs" / stage / "metrics.json").is_file()
            for name, value in json.loads(path.read_text()).items()
            if isinstance(value, float) and name not in VARYING
        }
        state = torch.load(root / "outputs/train/checkpoints/last.pt", weights_only=True)
        return cls(curves, metrics, state["training"]["model"])

    def curves_from(self, other: "Results") -> float:
        """Returns the largest relative difference of a figure of an epoch."""
        assert len(self.curves) == len(other.curves)
        return max(
            _relative(value, theirs[name])
            for own, theirs in zip(self.curves, other.curves, strict=True)
            for name, value in own.items()
        )

    def metrics_from(self, other: "Results") -> float:
        """Returns the largest relative difference of a metric that both have.

        That of a standard error is relative to the metric whose error it is.
        """
        return max(
            _relative(value, other.metrics[name], other.metrics.get(name.removesuffix("_se"), 0.0))
            for name, value in self.metrics.items()
        )

    def has_weights_of(self, other: "Results") -> bool:
        """Returns whether the weights are equal, bit for bit."""
        return all(torch.equal(value, other.weights[name]) for name, value in self.weights.items())


def _relative(value: float, other: float, whole: float = 0.0) -> float:
    """Returns the difference of a value to another one, relative to that or to a larger `whole`."""
    if value == other or math.isnan(value):
        return 0.0
    return abs(value - other) / max(abs(other), abs(whole), 1e-9)


class Lab:
    """The hosts, and the results of one process."""

    def __init__(self, folder: Path, stack: ExitStack) -> None:
        self.folder, self._stack = folder, stack
        self.warm: list[dict[str, str]] = [{}, {}]
        for number in range(len(NAMES)):
            self.boot(number)
        self.template = Clone.make(folder / "template")
        params = self.template.root / "params.yaml"
        text = params.read_text()
        for old, new in PARAMS.items():
            assert old in text, old
            text = text.replace(old, new, 1)
        params.write_text(text)
        self.template.environment["OMP_NUM_THREADS"] = "1"  # threads round in their own ways
        self._run_stage(self.template, "prepare")
        database._make(self.template.root / "mlflow.db")

    def boot(self, number: int) -> None:
        """Starts the process of a host that has imported torch for all others."""
        self.warm[number] = self._stack.enter_context(warm_packages("ip", "netns", "exec", NAMES[number]))

    def clone(self, name: str) -> Clone:
        """Returns a clone with prepared data."""
        shutil.copytree(self.template.root, self.folder / name)
        clone = Clone(self.folder / name)
        clone.environment = dict(self.template.environment)
        return clone

    def alone(self) -> Results:
        """Returns the results of all shared stages by one process."""
        clone = self.clone("alone")
        for stage in STAGES:
            self._run_stage(clone, stage)
        return Results.of(clone.root)

    def _run_stage(self, clone: Clone, stage: str) -> None:
        on_host = Clone(clone.root)
        on_host.environment = clone.environment | self.warm[0]
        on_host.run(sys.executable, "-m", f"stages.{stage}")


@contextmanager
def lab() -> Iterator[Lab]:
    """Yields two hosts that reach each other."""
    with ExitStack() as stack:
        stack.enter_context(linked_namespaces())
        folder = Path(tempfile.mkdtemp(prefix="vaeline-hosts-"))
        stack.callback(shutil.rmtree, folder, ignore_errors=True)
        yield Lab(folder, stack)


class Pair:
    """A clone on each host, of which the first leads."""

    def __init__(self, lab: Lab, name: str, processes: int = 1) -> None:
        self.clones = [lab.clone(f"{name}-{number}") for number in range(len(NAMES))]
        self.warm, self.processes = lab.warm, processes
        self.running: list[subprocess.Popen[bytes]] = []

    def start(self, *stages: str) -> None:
        """Starts `vaeline hosts` with these stages on both."""
        command = " && ".join(f"{sys.executable} -m stages.{stage}" for stage in stages)
        self.running = []
        for number, clone in enumerate(self.clones):
            joined = {"NNODES": "2", "NODE_RANK": str(number), "RDZV_ENDPOINT": f"{ADDRESSES[0]}:{PORT}"}
            environment = clone.environment | self.warm[number] | joined | {"NPROC": str(self.processes)}
            with self.log(number).open("wb") as log:
                self.running.append(
                    subprocess.Popen(
                        ["ip", "netns", "exec", NAMES[number], "vaeline", "hosts", "sh", "-c", command],
                        cwd=clone.root, env=environment, stdout=subprocess.DEVNULL, stderr=log,
                    )
                )  # fmt: skip

    def log(self, number: int) -> Path:
        """Returns the path of what a host prints on standard error."""
        return self.clones[number].root / ".hosts.log"

    def said(self) -> list[list[str]]:
        """Returns the lines that each host has printed on standard error, progress bars aside."""
        printed = [self.log(number).read_text().replace("\r", "\n").splitlines() for number in range(2)]
        return [[line for line in lines if line and not PROGRESS.search(line)] for lines in printed]

    def epochs(self) -> int:
        """Returns how many epochs the leader has written."""
        path = self.clones[0].root / "outputs/train/history.csv"
        return max(0, len(path.read_text().splitlines()) - 1) if path.is_file() else 0

    def results(self) -> Results:
        """Returns those of the leader, once both have ended well."""
        statuses = [process.wait() for process in self.running]
        assert statuses == [0, 0], "\n".join(self.log(number).read_text() for number in range(2))
        return Results.of(self.clones[0].root)

"""A clone of the project that is small enough to run as a whole: its data set is `digits`."""

import os
import shutil
import subprocess
import sys
from importlib.util import cache_from_source
from pathlib import Path

from mlflow import MlflowClient
from mlflow.entities import Run

PROJECT = Path(__file__).resolve().parents[2]
SMALL = {
    "name: mnist": "name: digits",
    "epochs: 30": "epochs: 3",
    "iwae_k: 100": "iwae_k: 20",
    "fid_inception: auto": "fid_inception: skip",
}
# Imports once what each of DVC's processes would import.
AT_ONCE = """\
import runpy, sys
for name in sys.argv[1:]:
    runpy.run_module("stages." + name, run_name="__main__")
"""
KEPT = (
    ".py",
    ".yaml",
    ".toml",
    "ignore",
    ".dvc/config",
    ".html",
    ".css",
    ".js",
    "data/own/README.md",
    "data/init/random",
)


class Clone:
    """A clone of the project, and the commands that a user types in it."""

    def __init__(self, root: Path) -> None:
        self.root = root
        self.environment = {k: v for k, v in os.environ.items() if not k.startswith(("DVC_", "MLFLOW_"))}
        self.environment |= {
            "PATH": f"{Path(sys.executable).parent}:{os.environ['PATH']}",
            "TORCH_HOME": str(root / "no-weights"),
        }

    @classmethod
    def make(cls, root: Path) -> "Clone":
        clone = cls(root)
        listed = subprocess.check_output(
            ["git", "ls-files", "--cached", "--others", "--exclude-standard"], cwd=PROJECT, text=True
        )
        for name in filter(lambda n: n.endswith(KEPT), listed.split()):
            if (PROJECT / name).is_file():
                clone._copy(name)
        params = (root / "params.yaml").read_text()
        for default, small in SMALL.items():
            assert default in params, default
            params = params.replace(default, small)
        (root / "params.yaml").write_text(params)
        clone.run("git", "init", "-q")
        clone.run("git", "config", "user.name", "test")
        clone.run("git", "config", "user.email", "test@example.com")
        clone.commit("a clone")
        return clone

    def _copy(self, name: str) -> None:
        """Copies a file of the project, and its bytecode, which is valid for a source of the same time."""
        compiled = Path(cache_from_source(name)) if name.endswith(".py") else Path(name)
        for path in {Path(name), compiled}:
            if (PROJECT / path).is_file():
                (self.root / path).parent.mkdir(parents=True, exist_ok=True)
                shutil.copy2(PROJECT / path, self.root / path)

    def run(self, *command: str, ok: bool = True, **environment: str) -> subprocess.CompletedProcess[str]:
        done = subprocess.run(
            command,
            cwd=self.root,
            env=self.environment | environment,
            capture_output=True,
            text=True,
        )
        if ok:
            assert done.returncode == 0, f"{command}\n{done.stdout[-3000:]}\n{done.stderr[-3000:]}"
        return done

    def run_stages(self, *names: str) -> None:
        """Runs stages one after the other without DVC, in one process."""
        self.run(sys.executable, "-c", AT_ONCE, *names)

    def commit(self, message: str) -> None:
        self.run("git", "add", "-A")
        self.run("git", "commit", "-qm", message)

    def restore(self) -> None:
        """Restores the committed params, metrics and outputs."""
        self.run("git", "checkout", "-q", "--", ".")
        self.run("dvc", "checkout", "-q")

    def stages_run(self, said: str) -> list[str]:
        """The stages that DVC says it ran, in order."""
        return [line.split("'")[1] for line in said.splitlines() if line.startswith("Running stage '")]

    def metrics(self) -> dict[str, bytes]:
        """The bytes of every metrics.json."""
        return {path.parent.name: path.read_bytes() for path in self.root.glob("outputs/*/metrics.json")}

    def runs(self) -> list[Run]:
        """The runs in the clone's MLflow store, oldest first."""
        client = MlflowClient(f"sqlite:///{self.root / 'mlflow.db'}")
        ids = [experiment.experiment_id for experiment in client.search_experiments()]
        return client.search_runs(ids, order_by=["attributes.start_time ASC"])

    @property
    def client(self) -> MlflowClient:
        return MlflowClient(f"sqlite:///{self.root / 'mlflow.db'}")

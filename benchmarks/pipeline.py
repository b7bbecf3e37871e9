"""The overhead of `dvc repro` beyond its stages' own work, on `digits` in a copy of the repository."""

import os
import shutil
import subprocess
import sys
import tempfile
import time
from pathlib import Path

from ruamel.yaml import YAML

from benchmarks.harness import Ratio, significant
from vaeline.core.yaml import read_yaml

OWN_COST = 45.0  # seconds for all stages
AIM = 25.0
NOTHING_TO_DO = 3.0
SMALL_RUN = {"data": {"name": "digits"}, "epochs": 3, "iwae_k": 20, "fid_inception": "skip"}
COPIED_FILES = (".py", ".yaml", ".toml", "ignore", ".dvc/config")


def pipeline() -> list[Ratio]:
    """`dvc repro` less the stages' `main`s in one process; and `dvc repro` with nothing to do."""
    with tempfile.TemporaryDirectory() as name:
        root = Path(name)
        _copy(root)
        whole = _seconds(root, "dvc", "repro")
        idle = [_seconds(root, "dvc", "repro") for _ in range(3)]
        mains = float(_run(root, sys.executable, "-m", "benchmarks.mains").split()[-1])
    cost = whole - mains
    details = {"seconds": significant(cost), "seconds_of_stages": significant(mains)}
    return [
        Ratio.of("pipeline", f"{OWN_COST:g} s", [OWN_COST / cost], 1.0, aim=OWN_COST / AIM, **details),
        Ratio.of(
            "pipeline, nothing to do",
            f"{NOTHING_TO_DO:g} s",
            [NOTHING_TO_DO / seconds for seconds in idle],
            1.0,
            seconds=significant(sorted(idle)[1]),
        ),
    ]


def _copy(root: Path) -> None:
    listed = subprocess.check_output(["git", "ls-files"], text=True).split()
    for name in filter(lambda name: name.endswith(COPIED_FILES) and Path(name).is_file(), listed):
        (root / name).parent.mkdir(parents=True, exist_ok=True)
        shutil.copy(name, root / name)
    values = read_yaml(root / "params.yaml")
    YAML().dump(values | SMALL_RUN | {"data": values["data"] | SMALL_RUN["data"]}, root / "params.yaml")
    user = ("-c", "user.name=bench", "-c", "user.email=bench@localhost")
    for arguments in (("init", "-q"), ("add", "-A"), (*user, "commit", "-qm", "a copy")):
        _run(root, "git", *arguments)


def _seconds(root: Path, *command: str) -> float:
    started = time.perf_counter()
    _run(root, *command)
    return time.perf_counter() - started


def _run(root: Path, *command: str) -> str:
    inherited = {k: v for k, v in os.environ.items() if not k.startswith(("DVC_", "MLFLOW_"))}
    paths = {"PATH": f"{Path(sys.executable).parent}:{os.environ['PATH']}", "PYTHONPATH": str(root / "src")}
    done = subprocess.run(command, cwd=root, env=inherited | paths, capture_output=True, text=True)
    if done.returncode:
        raise RuntimeError(f"{' '.join(command)}: {done.stderr[-2000:]}")
    return done.stdout

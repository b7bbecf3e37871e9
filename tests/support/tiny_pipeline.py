"""A repository whose pipeline takes no time: its one stage counts epochs instead of training.

It keeps its state where a training does, reports its epochs as the companion of a training does, and writes
down each epoch that it runs.
"""

from pathlib import Path

from tests.support.committed import DEFAULT, dump, git, start_repository

STAGE = """\
import hashlib, json, os, pathlib, time
from ruamel.yaml import YAML

params = YAML(typ="safe").load(pathlib.Path("params.yaml"))
root, name = pathlib.Path(os.environ["DVC_ROOT"]), os.environ.get("DVC_EXP_NAME", "")
key = hashlib.sha256(f"{params['beta']} {params['latent_dim']} {params['seed']}".encode()).hexdigest()[:16]
state = root / f".scratch/train/{key}.0"
journal = pathlib.Path(os.environ.get("TINY_JOURNAL", root / "journal"))
state.mkdir(parents=True, exist_ok=True)
start = max((int(path.stem[6:]) for path in state.glob("state_*.pt")), default=0)
reports, rows = root / f".scratch/experiments/{name}.epochs.json", []
last = min(params["epochs"], params["stop_after"] or params["epochs"])
for epoch in range(1, last + 1):
    elbo = -100 - 10 * params["beta"] - 10 / epoch
    rows.append({"epoch": epoch, "valid_elbo": elbo})
    if epoch > start:
        time.sleep(float(os.environ.get("TINY_SECONDS", "0")))
        with journal.open("a") as file:
            file.write(f"{name.partition('_stop')[0]} {epoch}\\n")
        (state / f"state_{epoch:05d}.pt").touch()
    temporary = reports.with_suffix(".new")
    temporary.write_text(json.dumps({"epochs": rows}))
    temporary.replace(reports)
results = {"best_valid_elbo": elbo, "epochs": last, "rate": 5 / params["beta"], "distortion": -elbo}
for stage in ("prepare", "check", "train", "evaluate", "fid_reference", "fid", "diagnose"):
    path = pathlib.Path(f"outputs/{stage}/metrics.json")
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(json.dumps(results))
"""
STAGES = ("prepare", "check", "train", "evaluate", "fid_reference", "fid", "diagnose")


def tiny_repository(epochs: int = 9) -> None:
    """Makes the repository in the current folder, with DVC and everything committed."""
    start_repository()
    Path("stages").mkdir()
    Path("stages/train.py").write_text(STAGE)
    Path(".dvc").mkdir()
    Path(".dvc/config").write_text("[core]\n    analytics = false\n    check_update = false\n")
    Path(".dvc/.gitignore").write_text("/config.local\n/tmp\n/cache\n")
    Path(".gitignore").write_text("/.scratch/\n/mlflow.db*\n/.mlflow.lock\n/mlartifacts/\n/journal\n/docs/\n")
    stage = {
        "cmd": "python stages/train.py",
        "deps": ["stages/train.py"],
        "params": ["beta", "latent_dim", "seed", "epochs", "stop_after"],
        "metrics": [{f"outputs/{name}/metrics.json": {"cache": False}} for name in STAGES],
    }
    dump("dvc.yaml", {"stages": {"train": stage}})
    dump("params.yaml", DEFAULT | {"epochs": epochs})
    git("add", "-A")
    git("commit", "-qm", "a pipeline that takes no time")


def epochs_run(path: str = "journal") -> list[str]:
    """Returns each epoch that was run, in order, as `EXPERIMENT EPOCH`."""
    return Path(path).read_text().splitlines()

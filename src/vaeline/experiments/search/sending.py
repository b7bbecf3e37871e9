"""What nodes need of a repository: its commit, its settings, and a place for what trials make."""

import hashlib
import os
import socket
from pathlib import Path

from dvc.repo import Repo

from vaeline.core.errors import VaelineError, warn_once
from vaeline.experiments.search.clones import SentRepository
from vaeline.provenance.git import git
from vaeline.provenance.origin import unsaved_sources

BUNDLE = Path(".scratch/search/history.bundle")
PASSED_ON = ("MLFLOW_", "AWS_", "DVC_EXP_AUTO_PUSH")  # beginnings of variables that nodes are given
NOT_ON_EACH_NODE = "MLFLOW_TRACKING_URI is not set: each node keeps its own runs, and MLflow here has none"


def sent_repository(here: bool = False) -> SentRepository:
    """Returns what nodes need of this repository.

    Args:
        here: whether all nodes are on this machine, and can share this repository's own cache.

    Raises:
        VaelineError: If code or params are not committed, or if what trials make could not be had from here.
    """
    if files := unsaved_sources("params.yaml"):
        raise VaelineError(f"commit {', '.join(files)} first: a node gets the commit")
    with Repo() as repo:
        remote, shared = repo.config["core"].get("remote"), repo.config["cache"].get("dir")
        own = repo.cache.local_cache_dir
    if not (remote or shared or here):
        raise VaelineError(
            "models would stay on the nodes that train them: set a storage, `vaeline remote s3://…`, or "
            "`dvc cache dir --local` with a folder that all nodes share"
        )
    if not os.environ.get("MLFLOW_TRACKING_URI"):
        warn_once(NOT_ON_EACH_NODE)
    BUNDLE.parent.mkdir(parents=True, exist_ok=True)
    git("bundle", "create", "--quiet", str(BUNDLE), "HEAD")
    history, settings = BUNDLE.read_bytes(), Path(".dvc/config.local")
    BUNDLE.unlink()
    key = hashlib.sha256(f"{socket.gethostname()} {Path.cwd()}".encode()).hexdigest()[:12]
    variables = {name: value for name, value in os.environ.items() if name.startswith(PASSED_ON)}
    text = settings.read_text() if settings.is_file() else ""
    if here and not shared:
        text += f"[cache]\n    dir = {own}\n"
    return SentRepository(key, git("rev-parse", "HEAD").strip(), history, text, bool(remote), variables)

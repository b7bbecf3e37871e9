"""The storage that a team shares through DVC: it is tried before it becomes the remote."""

import contextlib
import os
import uuid
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

from vaeline.core.errors import VaelineError, first_line, warn_once
from vaeline.tracking.runs.redaction import redacted

if TYPE_CHECKING:  # it takes long to import
    from dvc.repo import Repo

REMOTE = "team"
"""Name of the remote in .dvc/config."""
LONGEST_REFUSAL = 200


def set_remote(address: str, endpoint: str = "") -> None:
    """Makes the storage at `address` DVC's default remote, and has DVC push each experiment that has run.

    Before .dvc/config changes, a file is written to the storage and removed again. Credentials are not
    kept: DVC finds them where the programs of the cloud do, such as `AWS_ACCESS_KEY_ID` or ~/.aws.

    Args:
        address: a folder, or what `dvc remote add` takes: `s3://bucket/folder`, `ssh://host/folder`, ….
        endpoint: of an S3 server that is not Amazon's.

    Raises:
        VaelineError: if nothing can be written there, or this is no repository of DVC's.
    """
    from dvc.exceptions import NotDvcRepoError
    from dvc.repo import Repo

    if not address.strip():
        raise VaelineError("the address is empty: give a folder, or one such as s3://bucket/folder")
    if "://" not in address:
        address = _folder(address)
    if endpoint and not address.startswith("s3://"):
        raise VaelineError(f"--endpoint is of an S3 server, and {redacted(address)} is on none: leave it out")
    options = {"endpointurl": endpoint} if endpoint else {}
    _try(address, options)
    try:
        repository = Repo()
    except NotDvcRepoError:
        raise VaelineError("this folder is in no repository of DVC's: go to the repository's root") from None
    with repository, repository.config.edit("repo") as config:
        config.setdefault("remote", {})[REMOTE] = {"url": address, **options}
        config.setdefault("core", {})["remote"] = REMOTE
        config.setdefault("exp", {})["auto_push"] = True


def _folder(given: str) -> str:
    """Returns the whole path of a folder; raises VaelineError if it is one of the repository's."""
    path = Path(given).expanduser().resolve()
    if path.is_relative_to(Path.cwd()):
        raise VaelineError(f"{given} is in this repository, which others do not share: use another folder")
    return str(path)


def push_results() -> int:
    """Pushes the outputs of this commit and of every stage that has run here; returns the number of files.

    Raises:
        VaelineError: if there is no repository of DVC's or no remote, or it cannot be written.
    """
    with _pushing() as repository:
        return int(repository.push()) + _push_stages(repository)


def push_experiment(name: str) -> None:
    """Pushes an experiment that another node has run, where DVC pushes by itself those that run here."""
    from dvc.env import DVC_EXP_AUTO_PUSH, DVC_EXP_GIT_REMOTE
    from dvc.exceptions import DvcException
    from dvc.repo import Repo
    from dvc.utils import env2bool
    from scmrepo.exceptions import SCMError

    with Repo() as repository:
        options = repository.config["exp"]
        if not env2bool(DVC_EXP_AUTO_PUSH, options.get("auto_push", False)):
            return
        git_remote = os.environ.get(DVC_EXP_GIT_REMOTE) or options.get("git_remote", "origin")
        try:  # its outputs are in the storage
            repository.experiments.push(git_remote, [name], push_cache=False)
        except (DvcException, SCMError) as error:
            warn_once(f"experiments stay here: they cannot be pushed to {git_remote} ({_first_line(error)})")


def fetch_outputs(revisions: Sequence[str]) -> None:
    """Fetches the outputs of experiments from the storage, so that DVC can apply them.

    Without a storage they are in a cache that this machine shares.
    """
    from dvc.config import NoRemoteError
    from dvc.exceptions import DvcException
    from dvc.repo import Repo

    with Repo() as repository:
        try:
            today = dict(repository.config)  # the revisions' own may have no storage yet
            repository.fetch(revs=list(revisions), workspace=False, config=today)
        except NoRemoteError:
            return
        except DvcException as error:
            warn_once(f"not all outputs could be fetched ({_first_line(error)}): `dvc pull` tries again")


def push_stages() -> int:
    """Pushes the outputs of every stage that has run here; returns the number of files.

    Raises:
        VaelineError: as `push_results` does.
    """
    with _pushing() as repository:
        return _push_stages(repository)


def _push_stages(repository: "Repo") -> int:
    """Pushes the run cache with its outputs.

    `dvc push --run-cache` pushes which inputs of a stage gave which outputs, but of the outputs only those
    that DVC keeps. Without the others, metrics among them, no other clone can take the stage from there.
    """
    from dvc.exceptions import CollectCacheError

    with repository.lock:
        files: set[Any] = set()
        for run in repository.stage_cache.push(None):
            with contextlib.suppress(CollectCacheError):  # `dvc gc` has removed its outputs
                files.update(*repository.stage_cache.get_used_objs([run]).values())
        return len(repository.cloud.push(files).transferred)


@contextlib.contextmanager
def _pushing() -> Iterator["Repo"]:
    from dvc.config import NoRemoteError
    from dvc.exceptions import DvcException
    from dvc.repo import Repo

    try:
        with Repo() as repository:
            yield repository
    except NoRemoteError:
        raise VaelineError("no storage is set to push to: `vaeline remote` sets one") from None
    except DvcException as error:
        raise VaelineError(
            f"nothing could be pushed ({_first_line(error)}): `vaeline remote` sets a storage"
        ) from None


def _first_line(error: Exception) -> str:
    return redacted(first_line(error))


def _try(address: str, options: dict[str, str]) -> None:
    """Writes a file to the storage and removes it again; raises VaelineError if that is not possible."""
    from dvc.fs import RemoteMissingDepsError, parse_external_url

    try:
        storage, folder = parse_external_url(address, options, {})
        if storage.protocol == "local":  # elsewhere it would make a bucket
            storage.makedirs(folder, exist_ok=True)
        probe = storage.join(folder, f".written-{uuid.uuid4().hex}")
        storage.pipe_file(probe, b"")
        storage.rm_file(probe)
    except (ImportError, RemoteMissingDepsError):
        kind = address.partition("://")[0]
        raise VaelineError(
            f"{redacted(address)}: DVC needs a package for {kind}: `pip install 'dvc[{kind}]'`"
        ) from None
    except Exception as error:  # whatever a disk, the network or a cloud may raise
        reason = " ".join(redacted(f"{type(error).__name__}: {error}").split())[:LONGEST_REFUSAL]
        of_server = "the address, the credentials, and --endpoint for an S3 server of your own"
        advice = of_server if "://" in address else "that it is a folder which you may write to"
        raise VaelineError(
            f"{redacted(address)}: nothing can be written there ({reason}): check {advice}"
        ) from None

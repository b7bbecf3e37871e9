"""The SQLite file of runs at the repository's root.

MLflow makes its tables in many steps. The file is therefore made under another name and renamed when it is
complete: whatever ends the process, no later run finds half of one.
"""

import contextlib
import itertools
import sqlite3
import uuid
from collections.abc import Iterator
from pathlib import Path

from vaeline.core.errors import VaelineError
from vaeline.core.locking import HeldElsewhereError, locked
from vaeline.runtime.stage import workspace
from vaeline.tracking.runs.failures import failure_reason, say
from vaeline.tracking.runs.location import database
from vaeline.tracking.runs.mlflow_api import MIGRATIONS, URL, MlflowClient, ScriptDirectory
from vaeline.tracking.runs.moving import follow_move

UNFINISHED = "making"  # in the name of a file that is not complete
COMPANION_FILES = ("-journal", "-wal", "-shm")  # what SQLite keeps beside a file
LOCK_TOLD_AFTER = 5  # seconds of waiting for another process
BUSY = 20  # seconds that SQLite waits for another process to write


def database_uri(path: Path) -> str:
    """Returns the address of an SQLite file, whatever characters its path has."""
    # Not `sqlite:`, of which MLflow makes the folder without decoding its name.
    return URL.create("sqlite+pysqlite", database=str(path)).render_as_string()


@contextlib.contextmanager
def database_lock() -> Iterator[None]:
    """Keeps other processes from the SQLite file; says so if it has to wait for one."""
    path = workspace() / ".mlflow.lock"
    with contextlib.ExitStack() as stack:
        try:
            stack.enter_context(locked(path, LOCK_TOLD_AFTER))
        except HeldElsewhereError:
            say(f"waiting for another process that writes to {database()}")
            stack.enter_context(locked(path))
        yield


def open_database() -> MlflowClient:
    """Returns a client of the SQLite file, which is made if it is missing; hold `database_lock`.

    One that was left half made, and holds no run, is set aside and made again. If the repository was moved,
    the locations of its artifacts are brought up to date.

    Raises:
        VaelineError: The file cannot be read, or MLflow cannot open it.
    """
    path = database()
    _remove_unfinished(path)
    try:
        if not path.exists() or not path.stat().st_size:
            _set_aside(path, COMPANION_FILES)  # SQLite would replay the journal of another file
            _make(path)
        elif _half_made(path):
            aside = _set_aside(path, ("", *COMPANION_FILES))
            say(f"{path} was left half made and holds no run: it is now {aside.name}, and another is made")
            _make(path)
        follow_move(path, workspace())
    except sqlite3.Error as error:
        raise VaelineError(f"{path}: {error}") from error
    try:
        return MlflowClient(database_uri(path))
    except Exception as error:  # of MLflow, SQLAlchemy or Alembic
        raise VaelineError(
            f"{path} cannot be opened ({failure_reason(error)}): `mlflow db upgrade sqlite:///{path.name}` "
            f"if an older MLflow wrote it; `mv {path.name} {path.name}.old` keeps it, and the next run makes "
            "another"
        ) from error


def _make(path: Path) -> None:
    fresh = path.with_name(f"{path.name}.{UNFINISHED}-{uuid.uuid4().hex[:8]}")  # MLflow remembers each name
    try:
        fresh.touch()  # at once, where MLflow would try for minutes
        MlflowClient(database_uri(fresh)).search_experiments(max_results=1)
        fresh.replace(path)
    finally:
        _remove_unfinished(path)


def _remove_unfinished(path: Path) -> None:
    for file in path.parent.glob(f"{path.name}.{UNFINISHED}-*"):
        file.unlink(missing_ok=True)


def _set_aside(path: Path, parts: tuple[str, ...]) -> Path:
    """Renames the `parts` of a database that exist, and returns its new name."""
    names = (path.with_name(f"{path.name}.broken-{i}") for i in itertools.count(1))
    aside = next(
        name for name in names if not any(Path(f"{name}{part}").exists() for part in ("", *COMPANION_FILES))
    )
    for part in parts:
        with contextlib.suppress(FileNotFoundError):
            Path(f"{path}{part}").rename(f"{aside}{part}")
    return aside


def _half_made(path: Path) -> bool:
    """Returns whether a file has no run, and not all of MLflow's tables."""
    try:
        with contextlib.closing(sqlite3.connect(path, timeout=BUSY)) as connection:
            tables = {name for (name,) in connection.execute("SELECT name FROM sqlite_master")}
            if "runs" in tables and connection.execute("SELECT 1 FROM runs").fetchone():
                return False
            versions = connection.execute("SELECT version_num FROM alembic_version").fetchall()
    except sqlite3.OperationalError as error:
        if "no such table" in str(error):
            return True
        raise
    except sqlite3.DatabaseError:  # it is no SQLite file
        return True
    left = any(name.startswith("_alembic_tmp") for name in tables)
    return left or [version for (version,) in versions] != ScriptDirectory(str(MIGRATIONS)).get_heads()

"""Artifacts of a repository that was moved or copied.

MLflow keeps the location of each artifact with its whole path.
"""

import contextlib
import sqlite3
from pathlib import Path
from urllib.parse import unquote, urlsplit

from vaeline.tracking.runs.failures import say

ARTIFACTS_FOLDER = "mlartifacts"
"""The folder of the artifacts, in the repository."""
LOCATIONS = (
    ("experiments", "experiment_id", "artifact_location"),
    ("runs", "run_uuid", "artifact_uri"),
    ("logged_models", "model_id", "artifact_location"),
    ("model_versions", "rowid", "source"),
    ("model_versions", "rowid", "storage_location"),
)
"""Table, key and column of each location in MLflow's database."""


def follow_move(database: Path, root: Path) -> None:
    """Brings the locations in an SQLite file up to date if they were written where the repository was before.

    A location is left as it is if only the old place has the files, as after a copy of the database alone.

    Args:
        database: The SQLite file.
        root: Where the repository is.

    Returns:
        The number of runs whose artifacts were moved.
    """
    with contextlib.closing(sqlite3.connect(database, timeout=20)) as connection, connection:
        olds = _earlier_roots(connection, root)
        counts = {old: _follow(connection, old, root.as_uri()) for old in olds}
    place = root / ARTIFACTS_FOLDER
    for old, count in counts.items():
        if count:
            say(f"this repository was at {_path(old)}: its artifacts are now looked for in {place}")


def _earlier_roots(connection: sqlite3.Connection, root: Path) -> list[str]:
    query = f"SELECT DISTINCT artifact_location FROM experiments WHERE artifact_location LIKE 'file:///%/{ARTIFACTS_FOLDER}'"
    roots = [location.removesuffix(f"/{ARTIFACTS_FOLDER}") for (location,) in connection.execute(query)]
    return [old for old in roots if _path(old) != root]


def _follow(connection: sqlite3.Connection, old: str, new: str) -> int:
    changed = 0
    for table, key, column in LOCATIONS:
        rows = connection.execute(
            f"SELECT {key}, {column} FROM {table} WHERE {column} IS NOT NULL"
        ).fetchall()
        moved = [
            (new + location.removeprefix(old), identity)
            for identity, location in rows
            if location.startswith(f"{old}/") and _has_moved(location, new + location.removeprefix(old))
        ]
        connection.executemany(f"UPDATE {table} SET {column} = ? WHERE {key} = ?", moved)
        changed += len(moved)
    return changed


def _has_moved(old: str, new: str) -> bool:
    return _path(new).exists() or not _path(old).exists()


def _path(uri: str) -> Path:
    return Path(unquote(urlsplit(uri).path))

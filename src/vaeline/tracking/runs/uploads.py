"""How long a server may take to answer an upload."""

import contextlib
import math
import os
from collections.abc import Iterator
from pathlib import Path

TIMEOUT = "MLFLOW_HTTP_REQUEST_TIMEOUT"
SLOWEST = 1 << 20
"""Bytes that a server stores in a second, at least."""


@contextlib.contextmanager
def time_to_upload(path: Path | str) -> Iterator[None]:
    """Within the block, a request may take longer: a second for each MB of the largest file at `path`.

    A server that keeps files in a storage elsewhere answers only when the whole file is there: 11 s for
    200 MB, where other requests are given up after 10 s.

    Args:
        path: of a file, or of a folder whose files are uploaded one by one.
    """
    path = Path(path)
    files = path.rglob("*") if path.is_dir() else [path]
    largest = max((file.stat().st_size for file in files if file.is_file()), default=0)
    before = os.environ[TIMEOUT]  # MLflow reads it at each request
    os.environ[TIMEOUT] = str(int(before) + math.ceil(largest / SLOWEST))
    try:
        yield
    finally:
        os.environ[TIMEOUT] = before

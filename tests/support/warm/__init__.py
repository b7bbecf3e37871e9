"""Stages in forked children of a process that has imported torch and the other packages once for all."""

import os
import subprocess
import sys
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

ROOT = Path(__file__).parents[3]


@contextmanager
def warm_packages(*prefix: str) -> Iterator[dict[str, str]]:
    """Yields the environment in which `python -m stages.NAME`, whoever starts it, is such a child.

    The project's own code is imported by the child, from where it runs. On a system that cannot do this,
    each stage imports all of it. What `prefix` names starts the process, such as `ip netns exec NAME`.
    """
    if not hasattr(os, "pidfd_open"):
        yield {"PYTHONPATH": "src"}
        return
    with tempfile.TemporaryDirectory() as folder:  # a short path, as a socket's must be
        address = f"{folder}/socket"
        command = [*prefix, sys.executable, "-m", "tests.support.warm.server", address]
        with subprocess.Popen(command, cwd=ROOT, stdin=subprocess.PIPE, stdout=subprocess.PIPE) as server:
            assert server.stdout is not None
            assert server.stdout.readline() == b"ready\n"
            path = os.pathsep.join(["src", str(Path(__file__).parent)])
            yield {"WARM_PACKAGES": address, "PYTHONPATH": path}

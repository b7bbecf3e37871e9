"""Shows that a team can share results, and writes what held to docs/results/teams.md: `make team-proof`.

It takes ten minutes, and needs Linux, root, PostgreSQL, and `uv pip install 'moto[server]' 'mlflow[auth]'
dvc-s3`. With the names of parts, only those run, and the other rows of the table stay as they are.
"""

import os
import sys
import time
from collections.abc import Callable, Sequence

os.environ["OMP_NUM_THREADS"] = "1"  # several trainings run at once

from tests.support.parts import chosen_parts
from tests.team.page import Check, write_page
from tests.team.server import share_server
from tests.team.storage import share_storage

PARTS: dict[str, Callable[[], list[Check]]] = {"storage": share_storage, "server": share_server}


def main(arguments: Sequence[str]) -> int:
    """Runs the parts that are named, or all; returns 1 if something did not hold."""
    failed = False
    for name in chosen_parts(arguments, PARTS, "python -m tests.team", __doc__):
        started = time.monotonic()
        checks = PARTS[name]()
        print(write_page(name, checks, time.monotonic() - started, list(PARTS)), flush=True)
        for check in checks:
            if not check.holds:
                print(f"{check.what}: {check.found}", flush=True)
                failed = True
    return int(failed)


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))

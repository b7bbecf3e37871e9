"""Has `python -m stages.NAME` run by the process at $WARM_PACKAGES, which has imported torch and MLflow.

Python runs this before all else in a process that has this folder in its PYTHONPATH. The arguments, the
environment, the folder and the open output go over, and the exit status comes back.
"""

import os
import sys


def _run(module: str) -> int:
    import json
    import socket
    from pathlib import Path

    with socket.socket(socket.AF_UNIX) as connection:
        connection.connect(os.environ["WARM_PACKAGES"])
        request = {"module": module, "environment": dict(os.environ), "cwd": str(Path.cwd())}
        socket.send_fds(connection, [json.dumps(request).encode()], [0, 1, 2])
        connection.shutdown(socket.SHUT_WR)
        return int(connection.makefile().read())


# torchrun starts `python -u -m`.
if "-m" in sys.orig_argv[1:3] and sys.orig_argv[-1].startswith("stages.") and "WARM_PACKAGES" in os.environ:
    os._exit(_run(sys.orig_argv[-1]))

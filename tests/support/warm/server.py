"""Runs stages in forked children: `python -m tests.support.warm.server SOCKET`, which ends with its input."""

import atexit
import gc
import importlib
import json
import os
import runpy
import select
import signal
import socket
import sys
import threading
from typing import Any, NoReturn

from tests.conftest import ROOT

OURS = ("stages", "vaeline")
LATE = ("mlflow.store.tracking.sqlalchemy_store", "sklearn.datasets", "torch._dynamo")
"""What stages import while they run; the last by the first step of any optimizer."""


def main(address: str) -> None:
    """Serves until the input ends."""
    import_packages()
    with socket.socket(socket.AF_UNIX) as server:
        server.bind(address)
        server.listen()
        print("ready", flush=True)
        while sys.stdin not in select.select([server, sys.stdin], [], [])[0]:
            connection, _ = server.accept()
            if os.fork() == 0:
                server.close()
                answer(connection)
            connection.close()


def import_packages() -> None:
    """Imports what stages import, and forgets the project's modules: a child imports those of its clone."""
    before = list(sys.path)
    for path in ROOT.glob("stages/[a-z]*.py"):
        importlib.import_module(f"stages.{path.stem}")
    for name in LATE:
        importlib.import_module(name)
    for name in [name for name in sys.modules if name.partition(".")[0] in OURS]:
        del sys.modules[name]
    sys.path[:] = before
    signal.signal(signal.SIGCHLD, signal.SIG_IGN)  # nobody waits for those who answer
    gc.collect()
    gc.freeze()  # or each child would look through all of it
    atexit.register(gc.unfreeze)  # some packages complain of what is left at the end


def answer(connection: socket.socket) -> NoReturn:
    """Has a child run the stage, and sends its exit status; if the asking process ends, so does the stage."""
    text, descriptors, *_ = socket.recv_fds(connection, 1 << 20, 3)
    while more := connection.recv(1 << 20):
        text += more
    signal.signal(signal.SIGCHLD, signal.SIG_DFL)
    child = os.fork()
    if child == 0:
        connection.close()
        become(json.loads(text), descriptors)
    ended = os.pidfd_open(child)
    hung_up = select.poll()
    hung_up.register(connection, select.POLLHUP)
    hung_up.register(ended, select.POLLIN)
    if all(descriptor != ended for descriptor, _ in hung_up.poll()):
        os.kill(child, signal.SIGTERM)
    status = os.waitstatus_to_exitcode(os.waitpid(child, 0)[1])
    connection.sendall(str(status if status >= 0 else 128 - status).encode())
    os._exit(0)


def become(request: dict[str, Any], descriptors: list[int]) -> NoReturn:
    """Makes this process what `python -m` would have started, runs the stage, and ends.

    It ends as Python does, but leaves its modules as they are: to take them down one by one, as Python would,
    writes to all the memory that it shares with the server, which takes seconds.
    """
    os.chdir(request["cwd"])
    os.environ.clear()
    os.environ.update(request["environment"])
    for number, descriptor in enumerate(descriptors):
        os.dup2(descriptor, number)
        os.close(descriptor)
    sys.path[0] = request["cwd"]
    sys.argv = ["-m"]
    sys.orig_argv = [sys.executable, "-m", request["module"]]
    os._exit(exit_status(request["module"]))


def exit_status(module: str) -> int:
    """Runs a module as `python -m` does, and returns the status with which Python would then end."""
    status: object = None
    try:
        runpy.run_module(module, run_name="__main__", alter_sys=True)
    except SystemExit as end:
        status = end.code
    except BaseException:
        sys.excepthook(*sys.exc_info())
        status = 1
    if not isinstance(status, int | None):
        print(status, file=sys.stderr)
    threading._shutdown()
    atexit._run_exitfuncs()
    sys.stdout.flush()
    sys.stderr.flush()
    return status if isinstance(status, int) else int(status is not None)


if __name__ == "__main__":
    main(sys.argv[1])

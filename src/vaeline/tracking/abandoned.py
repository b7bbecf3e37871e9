"""Runs whose process was killed: they would stay RUNNING for ever if nobody resumed them.

A training notes its process in a tag of its run, and ends the runs of those that are gone. One that is
resumed afterwards is RUNNING again.
"""

import platform

import psutil

from vaeline.tracking.runs.store import Store

PROCESS = "vaeline.process"
"""The tag that names the process of a training: its host, its number, and when it was started."""
SAME_START = 2.0  # seconds; the start is computed from clocks that may be set


def this_process() -> str:
    """Returns what names this process, also after its number has been given to another."""
    process = psutil.Process()
    return f"{platform.node()} {process.pid} {process.create_time():.2f}"


def is_gone(process: str) -> bool:
    """Returns whether a process was of this host and has ended; of another host nothing is known."""
    host, _, rest = process.partition(" ")
    if host != platform.node():
        return False
    number, started = rest.split()
    try:
        running = psutil.Process(int(number))
        ended = running.status() == psutil.STATUS_ZOMBIE
        return ended or abs(running.create_time() - float(started)) > SAME_START
    except psutil.NoSuchProcess:
        return True


def end_abandoned_runs(store: Store) -> None:
    """Ends as KILLED the runs of the experiment that are RUNNING, and whose process is gone."""
    for run in store.client.search_runs([store.experiment_id], "attributes.status = 'RUNNING'"):
        process = run.data.tags.get(PROCESS, "")
        if process and is_gone(process):
            store.client.set_terminated(run.info.run_id, "KILLED")

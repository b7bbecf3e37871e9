"""Trains on two hosts, disturbs them, and writes docs/results/hosts.md: `make hosts`.

It takes some minutes, and needs Linux and root (the hosts are network namespaces of this machine).
"""

import os
import sys
import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass

os.environ |= {"OMP_NUM_THREADS": "1", "TORCH_CPP_LOG_LEVEL": "ERROR"}

from tests.hosts.lab import EPOCHS, STAGES, Lab, Pair, Results, lab
from tests.hosts.network import cut_link, kill_host, mend_link
from tests.hosts.page import HostsTrial, write_hosts_page

DISTURBED_FROM = 3  # epochs


@dataclass(frozen=True)
class Disturbance:
    """What happens to the hosts, and how it is undone."""

    name: str
    happen: Callable[[], None]
    undo: Callable[[Lab], None]


DISTURBANCES = (
    Disturbance("the link is cut", cut_link, lambda _: mend_link()),
    Disturbance("host 1 is killed", lambda: kill_host(1), lambda hosts: hosts.boot(1)),
    Disturbance("host 0 is killed", lambda: kill_host(0), lambda hosts: hosts.boot(0)),
)


def main() -> int:
    """Runs all trials, and writes the page after each; returns 1 if something did not hold."""
    trials: list[HostsTrial] = []
    with lab() as hosts:
        for trial in _trials(hosts):
            trials.append(trial)
            table = write_hosts_page(trials, EPOCHS)
    print(table)
    return int(not all(trial.holds for trial in trials))


def _trials(hosts: Lab) -> Iterator[HostsTrial]:
    alone = hosts.alone()
    undisturbed = _results(hosts, "whole", STAGES)
    yield HostsTrial("none", 2, undisturbed.curves_from(alone), undisturbed.metrics_from(alone))
    yield HostsTrial("none", 4, _results(hosts, "four", ("train",), processes=2).curves_from(alone))
    for disturbance in DISTURBANCES:
        yield _disturbed(hosts, disturbance, undisturbed, alone)


def _results(hosts: Lab, name: str, stages: tuple[str, ...], processes: int = 1) -> Results:
    pair = Pair(hosts, name, processes)
    pair.start(*stages)
    return pair.results()


def _disturbed(hosts: Lab, disturbance: Disturbance, undisturbed: Results, alone: Results) -> HostsTrial:
    """Trains until something happens, waits until both hosts have stopped, and trains to the end."""
    pair = Pair(hosts, disturbance.name.replace(" ", "-"))
    pair.start("train")
    while pair.epochs() < DISTURBED_FROM:
        assert all(process.poll() is None for process in pair.running), pair.said()
        time.sleep(0.1)
    disturbance.happen()
    started = time.monotonic()
    while any(
        process.poll() is None and not lines for process, lines in zip(pair.running, pair.said(), strict=True)
    ):
        time.sleep(0.1)
    seconds = time.monotonic() - started
    for process in pair.running:
        process.wait()
    said = pair.said()
    disturbance.undo(hosts)
    pair.start("train")
    resumed = pair.results()
    return HostsTrial(
        disturbance.name, 2, resumed.curves_from(alone), None, seconds, said,
        same_weights=resumed.has_weights_of(undisturbed),
    )  # fmt: skip


if __name__ == "__main__":
    sys.exit(main())

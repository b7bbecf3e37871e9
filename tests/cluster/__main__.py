"""A search on two hosts of one core each, one of which is killed, and then the command: `make cluster`.

Eight trials must finish once, each resumed where it stood, with the metrics of one undisturbed host.
What was seen is in docs/results/cluster.md. It needs Linux, root (for network namespaces) and `vaeline[ray]`.
"""

import os
import shutil
import subprocess
import sys
import tempfile
import time
from dataclasses import dataclass, field
from pathlib import Path

os.environ["OMP_NUM_THREADS"] = "1"  # threads round in their own ways

from tests.cluster.nodes import Node, cluster_of
from tests.cluster.page import Interrupted, write_cluster_page
from tests.cluster.place import EPOCHS, TRIALS, Place, epochs_on, resumed_on

ENDED_BETWEEN = 2  # trials, before each kill
LATE = 2 * EPOCHS // 3  # epochs of a trial that is killed: its state has been sent by then


def main() -> int:
    """Runs all searches, writes the page, and returns 1 if something did not hold."""
    folder = Path(tempfile.mkdtemp(prefix="cluster-"))
    try:
        places = [Place.make(folder / name) for name in ("one", "two", "killed")]
        seconds = [_seconds(place, count) for count, place in enumerate(places[:2], 1)]
        story = Story(places[2])
        seconds.append(story.run())
        same = [place.has_metrics_of(places[0]) for place in places]
        once, interrupted = story.once, story.interrupted
    finally:
        shutil.rmtree(folder)
    print(write_cluster_page(seconds, same, interrupted, once))
    return int(not (all(same) and once == TRIALS and all(trial.held for trial in interrupted)))


def _seconds(place: Place, count: int) -> float:
    """Runs the search on so many hosts, and returns how long it took."""
    with cluster_of(count, place.root) as nodes:
        started = time.monotonic()
        place.finish(place.command(nodes[0]))
        return time.monotonic() - started


@dataclass
class Story:
    """A search in which the second host is killed, and then the command.

    Attributes:
        place: Where it runs.
        interrupted: The trials that a kill stopped.
        twice: Trials that were started again after their end.
    """

    place: Place
    interrupted: list[Interrupted] = field(default_factory=list)
    twice: set[str] = field(default_factory=set)

    @property
    def once(self) -> int:
        """How many trials ended exactly once."""
        finished = self.place.table().query("state == 'finished'")["experiment"]
        return len(set(finished) - self.twice)

    def run(self) -> float:
        """Runs it to its end, and returns how long it took."""
        with cluster_of(2, self.place.root) as (first, second):
            started = time.monotonic()
            process = self.place.command(first)
            self._wait(process, [first, second], second)
            self._note("host 1", second)
            second.kill()
            self._wait(process, [first], first)
            self._note("the command", first)
            process.kill()
            process.wait()
            shutil.rmtree(second.folder)  # its disk is lost as well
            second.folder.mkdir()
            second.start()
            process = self.place.command(first)
            while process.poll() is None:
                self._look([first, second])
            self.place.finish(process)
            return time.monotonic() - started

    def _wait(self, process: "subprocess.Popen[bytes]", nodes: list[Node], busy: Node) -> None:
        """Waits until further trials have ended, and one on `busy` is in the middle."""
        aim = len(self.place.ended()) + ENDED_BETWEEN
        while len(self.place.ended()) < aim or not self._in_the_middle(busy):
            if process.poll() is not None:
                raise RuntimeError("the command ended before it was killed")
            self._look(nodes)

    def _in_the_middle(self, node: Node) -> dict[str, int]:
        done, ended = epochs_on(node), self.place.ended()
        return {name: epoch for name, epoch in done.items() if name not in ended and LATE <= epoch < EPOCHS}

    def _note(self, killed: str, node: Node) -> None:
        self.interrupted += [Interrupted(t, killed, at) for t, at in self._in_the_middle(node).items()]

    def _look(self, nodes: list[Node]) -> None:
        """Sees which trials have resumed, and which should not run any more."""
        ended = self.place.ended()
        for node in nodes:
            resumed = resumed_on(node)
            for trial in self.interrupted:
                trial.resumed = resumed.get(trial.name, trial.resumed)
        time.sleep(0.5)
        now = {name for node in nodes for name, epoch in epochs_on(node).items() if epoch < EPOCHS}
        self.twice |= ended & now


if __name__ == "__main__":
    sys.exit(main())

"""The page docs/results/cluster.md."""

from dataclasses import dataclass
from pathlib import Path

from tests.cluster.place import EPOCHS, TRIALS
from vaeline.core.files import write_text
from vaeline.experiments.markdown import markdown_table
from vaeline.experiments.results import RESULTS

PAGE = Path(RESULTS / "cluster.md").resolve()
WHERE = (
    "one host of one core, one trial after the other",
    "two hosts of one core",
    "two hosts, one killed, then the command",
)
TEXT = """\
# Searches on a cluster

A search of {trials} trials, each a pipeline on `digits` with {epochs} epochs. Hosts are network namespaces
of one machine, with one CPU for Ray each, a folder of their own for clones and caches, and a DVC remote that
they share. The metrics of all stages of each trial must equal those of the undisturbed host in every digit.

{searches}

One host was killed as a whole, with what was on its disk, and later the command, with `kill -9`. Then the
host was started again, and the command given again. {once} of {trials} trials ended exactly once.
Of the trials that were in training when something was killed:

{interrupted}

The epochs between were run twice: those after the last copy of the training's state. Where the command is
killed, the training goes on for a moment, until Ray ends it.

`make cluster` writes this page; no number is typed.
"""


@dataclass
class Interrupted:
    """A trial that was stopped by a kill.

    Attributes:
        name: The trial.
        killed: What was killed.
        epoch: How far it was.
        resumed: The epoch after which it resumed; 0 if it has not.
    """

    name: str
    killed: str
    epoch: int
    resumed: int = 0

    @property
    def held(self) -> bool:
        """Whether it resumed, and did not begin again."""
        return self.resumed > 0


def write_cluster_page(
    seconds: list[float], same: list[bool], interrupted: list[Interrupted], once: int
) -> str:
    """Writes the page, and returns it.

    Args:
        seconds: How long each search took, in the order of `WHERE`.
        same: Whether each search has the metrics of the first.
        interrupted: The trials that a kill stopped.
        once: How many trials ended exactly once.
    """
    searches = [
        [where, f"{took:.0f} s", "equal" if equal else "**different**"]
        for where, took, equal in zip(WHERE, seconds, same, strict=True)
    ]
    searches[0][2] = ""
    trials = [[f"`{t.name}`", t.killed, str(t.epoch), str(t.resumed)] for t in interrupted]
    text = TEXT.format(
        trials=TRIALS, epochs=EPOCHS, once=once,
        searches=markdown_table([["where", "time", "metrics"], *searches]),
        interrupted=markdown_table([["trial", "killed", "seen in epoch", "resumed after epoch"], *trials]),
    )  # fmt: skip
    write_text(PAGE, text)
    return text

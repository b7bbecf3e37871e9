"""The trials of several hosts as docs/results/hosts.md."""

from collections.abc import Sequence
from dataclasses import dataclass, field

from vaeline.core.files import write_text
from vaeline.experiments.markdown import markdown_table
from vaeline.experiments.results import RESULTS
from vaeline.provenance.origin import origin_tags

CLOSE = 1e-4  # sums are taken in another order
MOST = 60.0  # seconds
HEADING = (
    "disturbance",
    "processes",
    "curves differ by",
    "metrics differ by",
    "noticed after",
    "resumed weights",
)
TEXT = """# Several hosts

Two hosts of one core each train on `digits` for {epochs} epochs, with as many processes in all as the table
says. They are network namespaces of one machine. The differences are relative to one process: the largest
over all figures of all epochs, and over the metrics of the stages that ran, where that of a standard error is
relative to its metric. After a disturbance in the middle of a training, each host that is left must stop it
within a minute, with one line. The same command then resumes, and the weights at the end must be, bit for
bit, those of two hosts that nothing disturbed.

{table}

What they printed on standard error:

{lines}

Written by `make hosts` at commit `{commit}`.
"""


@dataclass(frozen=True)
class HostsTrial:
    """What a trial gave.

    Attributes:
        name: the disturbance.
        processes: how many worked together.
        curves: the largest relative difference of a figure of an epoch to that of one process.
        metrics: the same of a metric; None if only train ran.
        seconds: from the disturbance until each host that is left had said so; None if there was none.
        said: the lines that each host then printed.
        same_weights: whether the resumed training ended with the weights of two undisturbed hosts.
    """

    name: str
    processes: int
    curves: float
    metrics: float | None = None
    seconds: float | None = None
    said: list[list[str]] = field(default_factory=list)
    same_weights: bool | None = None

    @property
    def holds(self) -> bool:
        """Whether all is as it must be."""
        return (
            max(self.curves, self.metrics or 0) <= CLOSE
            and (self.seconds or 0) <= MOST
            and self.same_weights is not False
            and all(len(lines) <= 1 for lines in self.said)
        )

    def row(self) -> tuple[str, ...]:
        """Returns its row of the table."""
        return (
            self.name,
            str(self.processes),
            f"{self.curves:.1e}",
            "" if self.metrics is None else f"{self.metrics:.1e}",
            "" if self.seconds is None else f"{self.seconds:.1f} s",
            {None: "", True: "equal", False: "other"}[self.same_weights],
        )


def write_hosts_page(trials: Sequence[HostsTrial], epochs: int) -> str:
    """Writes the page, and returns its table."""
    table = markdown_table([HEADING, *(trial.row() for trial in trials)])
    said = [
        f"- {trial.name}, host {number}: `{line}`"
        for trial in trials
        for number, lines in enumerate(trial.said)
        for line in lines
    ]
    commit = origin_tags().get("git.commit", "")[:10]
    write_text(
        RESULTS / "hosts.md", TEXT.format(table=table, lines="\n".join(said), commit=commit, epochs=epochs)
    )
    return table

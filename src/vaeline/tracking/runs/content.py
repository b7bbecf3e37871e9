"""What a run of MLflow holds."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from vaeline.tracking.runs.inputs import RunInput


@dataclass(frozen=True)
class RunContent:
    """What one run holds. A report replaces `verdict` and `note`; the rest keeps its first value.

    Attributes:
        name: Displayed in the table of runs.
        params: Params, nested.
        tags: Tags that runs are filtered by.
        metrics: Metrics by name.
        curves: One row an epoch: `epoch`, and each metric of it.
        artifacts: Folder in the run, by local path of a file.
        pictures: Local path of a PNG, by name.
        inputs: The splits of the data set.
        checkpoint: Path of the final model's checkpoint, or "".
        verdict: Names of the problems, or `healthy`.
        note: Description in Markdown.
    """

    name: str
    params: Mapping[str, Any]
    tags: Mapping[str, str]
    metrics: Mapping[str, float] = field(default_factory=dict)
    curves: Sequence[Mapping[str, float]] = ()
    artifacts: Mapping[str, str] = field(default_factory=dict)
    pictures: Mapping[str, str] = field(default_factory=dict)
    inputs: Sequence[RunInput] = ()
    checkpoint: Path | str = ""
    verdict: str = ""
    note: str = ""

    @property
    def last_epoch(self) -> int:
        """The step at which pictures and the model are logged."""
        return int(self.curves[-1]["epoch"]) if self.curves else 0

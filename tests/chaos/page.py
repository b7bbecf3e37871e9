"""The counts of trials as docs/results/chaos.json and chaos.md."""

import json
from collections.abc import Sequence
from typing import Any

from tests.chaos.trials import Trial
from vaeline.core.files import write_json, write_text
from vaeline.experiments.markdown import markdown_table
from vaeline.experiments.results import RESULTS
from vaeline.provenance.origin import origin_tags

HEADING = (
    "fault",
    "where",
    "trials",
    "faults",
    "same bytes",
    "one MLflow run",
    "none RUNNING",
    "one clear line",
)
QUESTIONS = ("identical", "one_run", "none_running", "one_line")
TEXT = """# Faults

Faults are injected into a small pipeline (`digits`, three epochs), which then runs to its end. In each trial
the outputs of every stage are compared, byte for byte, with those of a pipeline that nothing disturbed;
MLflow must have one run of the training with each epoch once, and none that is left RUNNING. No traceback may
be printed, and a fault that the process survives must be named in one line. Each number is the count of
trials in which that held. *Faults* can be fewer than trials (a process may end before it is to be killed, and
a disk may be large enough), or more (a pipeline is killed several times).

{table}

Kills at random moments hit `dvc repro`, several times a pipeline, in any stage. Kills at system calls hit one
stage, each time at another call that changes a file, which strace injects. A full disk has 0 to 4,096 KB left
when a stage starts. The servers that refuse, delay or garble are made of sockets; the one on PostgreSQL is
MLflow's own.

Written by `make chaos`: {origins}.
"""


def rows_of(part: str, trials: Sequence[Trial], seconds: float) -> list[dict[str, Any]]:
    """Returns a row for each place of a part's faults, with the counts of what held."""
    commit = origin_tags().get("git.commit", "")[:10]
    rows: dict[tuple[str, str], dict[str, Any]] = {}
    for trial in trials:
        row = rows.setdefault(
            (trial.fault, trial.where),
            {"part": part, "fault": trial.fault, "where": trial.where, "trials": 0, "faults": 0}
            | dict.fromkeys(QUESTIONS, 0)
            | {"commit": commit, "minutes": round(seconds / 60, 1)},
        )
        row["trials"] += 1
        row["faults"] += trial.faults
        for question in QUESTIONS:
            row[question] += getattr(trial.verdict, question)
    return list(rows.values())


def write_page(part: str, trials: Sequence[Trial], seconds: float, order: Sequence[str]) -> tuple[str, bool]:
    """Replaces a part's rows in chaos.json and chaos.md; returns the part's table, and whether all held."""
    path = RESULTS / "chaos.json"
    stored = json.loads(path.read_text()) if path.is_file() else []
    rows = rows_of(part, trials, seconds)
    merged = sorted(
        [*(row for row in stored if row["part"] != part), *rows], key=lambda row: order.index(row["part"])
    )
    write_json(path, merged)
    origins = "; ".join(
        dict.fromkeys(
            f"{row['part']} in {row['minutes']} minutes at commit `{row['commit']}`" for row in merged
        )
    )
    write_text(RESULTS / "chaos.md", TEXT.format(table=_table(merged), origins=origins))
    return _table(rows), all(row[question] == row["trials"] for row in rows for question in QUESTIONS)


def _table(rows: Sequence[dict[str, Any]]) -> str:
    names = ("fault", "where", "trials", "faults", *QUESTIONS)
    return markdown_table([HEADING, *(tuple(str(row[name]) for name in names) for row in rows)])

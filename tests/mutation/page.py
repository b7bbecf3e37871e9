"""The counts of mutants as docs/results/mutants.json and mutants.md."""

import json
from collections.abc import Sequence
from typing import Any

from tests.mutation.trials import Trials
from vaeline.core.files import write_json, write_text
from vaeline.experiments.markdown import markdown_table
from vaeline.experiments.results import RESULTS
from vaeline.provenance.origin import origin_tags
from vaeline.reporting.summary import code_span

HEADING = ("part", "possible mutants", "tried", "caught", "share", "share at first")
TEXT = """# Mutants

A mutant is the source with one small fault: `+` for `-`, `<` for `<=`, another number, an argument that is
missing or None. They are made by the operators of [mutmut](https://github.com/boxed/mutmut), all but the one
for strings, in the bodies of functions. A random sample of each part is tried, with no second one of a line
before every line has one. A mutant is caught if a test fails, crashes or takes five times as long. The tests
are those of the part, in its own folder and a few beside it, that reach the mutated line. The share at first
is that of the first record, before tests were added for mutants that no test had caught.

{table}

## Survivors

Not every survivor is a fault that a test has missed: some change nothing (a default that is given in full),
or only a message or the time that something takes.

{survivors}

Written by `make mutants`: {origins}.
"""


def write_page(part: str, total: int, trials: Trials, order: Sequence[str]) -> str:
    """Replaces a part's row in mutants.json and mutants.md, and returns it as a table.

    Args:
        part: what was tried.
        total: how many mutants it has.
        trials: those that were tried.
        order: of the parts.
    """
    path = RESULTS / "mutants.json"
    stored = json.loads(path.read_text()) if path.is_file() else []
    first = {row["part"]: row["share_at_first"] for row in stored}
    row = _row(part, total, trials)
    row["share_at_first"] = first.get(part, row["share"])
    rows = sorted([*(r for r in stored if r["part"] != part), row], key=lambda r: order.index(r["part"]))
    write_json(path, rows)
    write_text(RESULTS / "mutants.md", _page(rows))
    return _table([row])


def _row(part: str, total: int, trials: Trials) -> dict[str, Any]:
    caught = trials.tried - len(trials.survivors)
    return {
        "part": part,
        "mutants": total,
        "tried": trials.tried,
        "caught": caught,
        "share": round(caught / trials.tried, 3),
        "survivors": sorted(str(mutant) for mutant in trials.survivors),
        "commit": origin_tags().get("git.commit", "")[:10],
    }


def _page(rows: Sequence[dict[str, Any]]) -> str:
    survivors = [f"- {code_span(line)}" for row in rows for line in row["survivors"]]
    origins = ", ".join(f"{row['part']} at commit `{row['commit']}`" for row in rows)
    return TEXT.format(table=_table(rows), survivors="\n".join(survivors) or "None.", origins=origins)


def _table(rows: Sequence[dict[str, Any]]) -> str:
    lines = [_cells(row["part"], row) for row in rows]
    if len(rows) > 1:
        total = {name: sum(row[name] for row in rows) for name in ("mutants", "tried", "caught")}
        first = sum(row["share_at_first"] * row["tried"] for row in rows)
        shares = {"share": total["caught"] / total["tried"], "share_at_first": first / total["tried"]}
        lines.append(_cells("all", total | shares))
    return markdown_table([HEADING, *lines])


def _cells(name: str, row: dict[str, Any]) -> tuple[str, ...]:
    counts = (str(row[key]) for key in ("mutants", "tried", "caught"))
    return (name, *counts, f"{row['share']:.0%}", f"{row['share_at_first']:.0%}")

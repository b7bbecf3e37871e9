"""What held, as docs/results/teams.json and teams.md."""

import json
from collections.abc import Sequence
from dataclasses import dataclass

from vaeline.core.files import write_json, write_text
from vaeline.experiments.markdown import markdown_table
from vaeline.experiments.results import RESULTS
from vaeline.provenance.origin import origin_tags

HEADING = ("part", "what", "found", "holds")
TEXT = """# Teams

Two clones share an S3 storage (*storage*), and six trainings log to one MLflow server on PostgreSQL, with a
login and files in S3, which is killed and started again meanwhile (*server*). The data set is `digits`. S3 is
that of moto; PostgreSQL and MLflow are real, all on one machine.

{table}

Written by `make team-proof`: {origins}.
"""


@dataclass(frozen=True)
class Check:
    """Something that has to hold.

    Attributes:
        what: in words.
        found: what was found, in words or as a number.
        holds: whether it is as it should be.
    """

    what: str
    found: str
    holds: bool


def write_page(part: str, checks: Sequence[Check], seconds: float, order: Sequence[str]) -> str:
    """Replaces a part's rows in teams.json and teams.md; returns the part's table."""
    path = RESULTS / "teams.json"
    stored = json.loads(path.read_text()) if path.is_file() else []
    origin = {"commit": origin_tags().get("git.commit", "")[:10], "minutes": round(seconds / 60, 1)}
    rows = [{"part": part, "what": c.what, "found": c.found, "holds": c.holds, **origin} for c in checks]
    merged = [*(row for row in stored if row["part"] != part), *rows]
    merged.sort(key=lambda row: order.index(row["part"]))
    origins = dict.fromkeys(
        f"{r['part']} in {r['minutes']} minutes at commit `{r['commit']}`" for r in merged
    )
    write_json(path, merged)
    write_text(RESULTS / "teams.md", TEXT.format(table=_table(merged), origins="; ".join(origins)))
    return _table(rows)


def _table(rows: Sequence[dict[str, object]]) -> str:
    lines = ((*(str(row[name]) for name in HEADING[:3]), "yes" if row["holds"] else "no") for row in rows)
    return markdown_table([HEADING, *lines])

"""`make clinic`, or `make clinic NAME="holes-beta overfitting-static"`: what has not run at this code runs.

Writes docs/results/clinic.md and docs/results/clinic.json, once every case and every sound training has run.
"""

import sys
from collections.abc import Sequence

from tqdm import tqdm

from vaeline.core.errors import VaelineError
from vaeline.core.files import write_json, write_text
from vaeline.core.progress import bar
from vaeline.diagnosis.finding import problems
from vaeline.experiments.clinic import page
from vaeline.experiments.clinic.cases import case, healthy, names
from vaeline.experiments.launch import stoppable
from vaeline.experiments.results import RESULTS

SEEDS = range(1, 13)


def main(wanted: Sequence[str]) -> None:
    """Runs the cases named in `wanted`, or all with the sound trainings, and then writes the page."""
    known = names()
    if unknown := [name for name in wanted if name not in known]:
        raise VaelineError(f"NAME: there is no case '{unknown[0]}' (known: {' '.join(known)})")
    rows = []
    for name in bar(wanted or known, desc="clinic", unit=" case"):
        rows.append(row := case(name))
        found, cured = ("yes" if row[key] else "NO" for key in ("found", "cured"))
        tqdm.write(f"{name}: found {found}, cured {cured}")
    if wanted:
        return
    sound = [healthy(seed) for seed in bar(SEEDS, desc="sound", unit=" training")]
    for row in rows:
        row["healthy_runs"] = len(sound)
        row["false_alarms"] = sum(row["mode"] in [p.name for p in problems(one.findings)] for one in sound)
    write_json(RESULTS / "clinic.json", rows)
    write_text(RESULTS / "clinic.md", page.markdown(rows, sound))


if __name__ == "__main__":
    with stoppable("clinic"):
        main(sys.argv[1:])

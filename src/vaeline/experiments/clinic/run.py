"""Runs the clinic, and writes docs/results/clinic.md and docs/results/clinic.json."""

from collections.abc import Sequence
from pathlib import Path

from tqdm import tqdm

from vaeline.core.errors import VaelineError
from vaeline.core.files import write_json, write_text
from vaeline.core.progress import bar
from vaeline.diagnosis.finding import problems
from vaeline.experiments.clinic.cases import case_names, run_case, sound_trial
from vaeline.experiments.clinic.page import clinic_page
from vaeline.experiments.results import RESULTS

SOUND_SEEDS = range(1, 13)


def run_clinic(wanted: Sequence[str]) -> list[Path]:
    """Runs cases, and returns the paths that it wrote.

    Args:
        wanted: The cases to run, without a page; if there are none, all cases and the sound trainings run,
            and the page is written.

    Raises:
        VaelineError: If a name is unknown, before anything runs; or if a training fails without diverging.
    """
    names = case_names()
    if unknown := [name for name in wanted if name not in names]:
        raise VaelineError(f"there is no case '{unknown[0]}': {' '.join(names)}")
    rows = []
    for name in bar(wanted or names, desc="clinic", unit=" case"):
        rows.append(row := run_case(name))
        found_it, cured_it = ("yes" if row[key] else "NO" for key in ("found", "cured"))
        tqdm.write(f"{name}: found {found_it}, cured {cured_it}")
    if wanted:
        return []
    sound = [sound_trial(seed) for seed in bar(SOUND_SEEDS, desc="sound", unit=" training")]
    alarms = [{problem.name for problem in problems(trial.findings)} for trial in sound]
    for row in rows:
        row["healthy_runs"] = len(sound)
        row["false_alarms"] = sum(row["mode"] in problem_names for problem_names in alarms)
    paths = [RESULTS / "clinic.md", RESULTS / "clinic.json"]
    write_text(paths[0], clinic_page(rows, sound))
    write_json(paths[1], rows)
    return paths

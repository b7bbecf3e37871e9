"""What the detectors say of trainings on colour images that differ by their seed alone, as counts."""

from collections.abc import Iterable, Mapping, Sequence

from vaeline.core.files import read_json, write_json
from vaeline.core.progress import bar
from vaeline.diagnosis.detectors import DETECTORS
from vaeline.experiments.clinic.trial import trial
from vaeline.experiments.markdown import markdown_table
from vaeline.experiments.presets import preset_overrides
from vaeline.experiments.results import RESULTS
from vaeline.provenance.commands import override_arguments

FEWER: Mapping[str, int] = {"data.train_size": 10_000, "data.valid_size": 2_000}
"""What trainings over seeds have less of than the members of the study that they repeat."""
OVER_SEEDS = RESULTS / "colour-seeds.json"
SEEDS_TEXT = """

## Findings over seeds

Trainings as above, but on {train:,} images with {valid:,} for validation, that differ by seed: how many have
each finding as a problem, of how many. They have as many epochs, so fewer updates: what is cured above need
not be cured here. A finding in all of them, or in none, does not depend on the seed; whether it is true, a
count cannot say.

"""

Problems = dict[str, dict[str, dict[str, bool]]]
"""Whether it is a problem, of each finding that was looked for, by member, seed and name."""


def run_over_seeds(members: Sequence[str], prefix: str, seeds: Sequence[int]) -> None:
    """Trains members with each seed, up to their findings, and keeps the findings of each training at once.

    A training that an earlier call has finished at this code is not run again.

    Raises:
        VaelineError: If there is no such member, or if a training fails.
    """
    changes = {member: preset_overrides(prefix + member) for member in members}
    for seed, member in bar([(s, m) for s in seeds for m in members], desc="seeds", unit=" training"):
        overrides = override_arguments({**changes[member], **FEWER, "seed": seed})
        findings = trial(f"{prefix}{member}-fewer-{seed}", overrides).findings
        found = read_over_seeds()
        found.setdefault(member, {})[str(seed)] = {f.name: f.level == "problem" for f in findings}
        write_json(OVER_SEEDS, found)


def read_over_seeds() -> Problems:
    """Returns what has been found over seeds."""
    return read_json(OVER_SEEDS) if OVER_SEEDS.exists() else {}


def seeds_section(found: Problems) -> str:
    """Returns the part of the page with a row for each detector and a column for each member, if any ran."""
    if not found:
        return ""
    members = sorted(found)
    cells = [
        [detector.title, *(_count(detector.name, found[member].values()) for member in members)]
        for detector in DETECTORS
        if any(detector.name in looked for trainings in found.values() for looked in trainings.values())
    ]
    text = SEEDS_TEXT.format(train=FEWER["data.train_size"], valid=FEWER["data.valid_size"])
    return text + markdown_table([["finding", *members], *cells])


def _count(name: str, trainings: Iterable[Mapping[str, bool]]) -> str:
    """Returns how many have a problem of that name, of those in which it was looked for."""
    is_problem = [looked[name] for looked in trainings if name in looked]
    return f"{sum(is_problem)} of {len(is_problem)}" if is_problem else ""

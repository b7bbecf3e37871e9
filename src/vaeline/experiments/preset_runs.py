"""Runs presets as DVC experiments, and writes their records."""

import json
import subprocess
from collections.abc import Callable, Sequence
from pathlib import Path

import dvc.api

from vaeline.core.errors import VaelineError
from vaeline.core.files import replacing, write_json
from vaeline.experiments.presets import preset_config, preset_overrides
from vaeline.experiments.records import bounds_path, preset_record, record_name, record_path, seeded
from vaeline.experiments.search.jobs import Job
from vaeline.experiments.search.placement import HERE, Placement
from vaeline.provenance.commands import override_arguments
from vaeline.provenance.origin import unsaved_sources

BOUNDS_OUTPUT = "outputs/evaluate/iwae_per_image.npz"
"""What the evaluate stage writes with `evaluation.per_image.write_bounds`."""


def run_preset(name: str, seed: int | None = None) -> Path:
    """Runs a preset as the DVC experiment of its record's name, and returns the path of that record.

    A run that was stopped resumes where it stopped. Where the preset has a published number, the bounds of
    all test images are kept beside the record.

    Args:
        name: The preset.
        seed: Another seed than the preset's own, for a further training of it.

    Raises:
        VaelineError: If `seed` is the preset's own; if code or params are not committed, since a record names
            the commit that made it; or if the run fails.
    """
    with HERE.running([preset_job(name, seed)], total=1) as runs:
        _, progress = next(runs)
    if progress.reason:
        raise VaelineError(f"{progress.reason}; the same command resumes it")
    return write_preset_record(name, seed)


def run_presets(
    names: Sequence[str], after_each: Callable[[str], object], placement: Placement = HERE
) -> None:
    """Runs presets, and calls `after_each` with the name of each that succeeded.

    Args:
        names: The presets.
        after_each: Called with each when it has run.
        placement: Where they run.

    Raises:
        VaelineError: At the end, if any failed; the others have run.
    """
    failures = []
    with placement.running(map(preset_job, names), len(names)) as runs:
        for job, progress in runs:
            if progress.reason:
                failures.append(progress.reason)
            else:
                write_preset_record(job.name)
                after_each(job.name)
    if failures:
        raise VaelineError(f"{len(failures)} failed, the first: {failures[0]}; the same command resumes it")


def preset_job(name: str, seed: int | None = None) -> Job:
    """Returns the experiment of a preset, whose earlier one is removed.

    Raises:
        VaelineError: As `run_preset` does, but for the run itself.
    """
    if seed == preset_config(name).seed:
        raise VaelineError(
            f"seed = {seed} is that of {name} itself: `vaeline preset {name}`, or another seed"
        )
    if files := unsaved_sources("params.yaml"):
        raise VaelineError(f"commit {', '.join(files)} first: a record names the commit that made it")
    experiment = record_name(name, seed)
    subprocess.run(["dvc", "exp", "remove", "--quiet", experiment], capture_output=True, check=False)
    return Job(experiment, tuple(override_arguments(seeded(preset_overrides(name), seed))))


def write_preset_record(name: str, seed: int | None = None) -> Path:
    """Writes the record of a preset from its experiment, and returns the path."""
    changes, experiment = seeded(preset_overrides(name), seed), record_name(name, seed)
    if "target_nll" in changes:
        with replacing(bounds_path(name, seed)) as temporary:
            temporary.write_bytes(dvc.api.read(BOUNDS_OUTPUT, rev=experiment, mode="rb"))
    summary, findings = (
        json.loads(dvc.api.read(f"outputs/report/{part}.json", rev=experiment))
        for part in ("summary", "findings")
    )
    path = record_path(name, seed)
    write_json(path, preset_record(name, changes, summary, findings["findings"]))
    return path

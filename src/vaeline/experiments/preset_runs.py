"""Runs presets as DVC experiments, and writes their records."""

import json
import subprocess
import sys
from collections.abc import Callable, Iterable
from pathlib import Path

import dvc.api

from vaeline.core.errors import VaelineError
from vaeline.core.files import replacing, write_json
from vaeline.core.progress import bar
from vaeline.experiments.launch import failure, running_experiment, watch
from vaeline.experiments.presets import preset_config, preset_overrides
from vaeline.experiments.records import bounds_path, preset_record, record_name, record_path, seeded
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
    if seed == preset_config(name).seed:
        raise VaelineError(
            f"seed = {seed} is that of {name} itself: `vaeline preset {name}`, or another seed"
        )
    changes, experiment = seeded(preset_overrides(name), seed), record_name(name, seed)
    if files := unsaved_sources("params.yaml"):
        raise VaelineError(f"commit {', '.join(files)} first: a record names the commit that made it")
    subprocess.run(["dvc", "exp", "remove", "--quiet", experiment], capture_output=True, check=False)
    with (
        bar(total=1, desc=experiment, unit=" preset") as progress,
        running_experiment(override_arguments(changes), experiment) as process,
    ):
        watch(process, experiment, progress)
    if process.returncode:
        raise VaelineError(f"{failure(experiment)}; the same command resumes it")
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


def run_presets(names: Iterable[str], after_each: Callable[[str], object]) -> None:
    """Runs presets one after the other, and calls `after_each` with the name of each that succeeded.

    Raises:
        VaelineError: At the end, if any failed; the others have run.
    """
    failures = []
    for name in names:
        try:
            run_preset(name)
        except VaelineError as error:
            failures.append(str(error))
            print(error, file=sys.stderr)
        else:
            after_each(name)
    if failures:
        raise VaelineError(f"{len(failures)} failed, the first: {failures[0]}")

"""Runs presets as DVC experiments, and writes their records."""

import json
import subprocess
import sys
from collections.abc import Callable, Iterable
from pathlib import Path

import dvc.api

from vaeline.core.errors import VaelineError
from vaeline.core.files import write_json
from vaeline.core.progress import bar
from vaeline.experiments.launch import failure, running_experiment, watch
from vaeline.experiments.presets import preset_overrides
from vaeline.experiments.records import preset_record, record_path
from vaeline.provenance.commands import override_arguments
from vaeline.provenance.origin import unsaved_sources


def run_preset(name: str) -> Path:
    """Runs a preset as the DVC experiment of that name, and returns the path of its record.

    A run that was stopped resumes where it stopped.

    Raises:
        VaelineError: If code or params are not committed, since a record names the commit that made it; or
            if the run fails.
    """
    changes = preset_overrides(name)
    if files := unsaved_sources("params.yaml"):
        raise VaelineError(f"commit {', '.join(files)} first: a record names the commit that made it")
    subprocess.run(["dvc", "exp", "remove", "--quiet", name], capture_output=True, check=False)
    with (
        bar(total=1, desc=name, unit=" preset") as progress,
        running_experiment(override_arguments(changes), name) as process,
    ):
        watch(process, name, progress)
    if process.returncode:
        raise VaelineError(f"{failure(name)}; the same command resumes it")
    summary, findings = (
        json.loads(dvc.api.read(f"outputs/report/{part}.json", rev=name)) for part in ("summary", "findings")
    )
    path = record_path(name)
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

"""A process of its own that judges a training while it runs: `vaeline.experiments.watching`.

It has the detectors and their thresholds, which so are no part of what a training depends on. Both sides
write one JSON object a line. A companion that cannot start or dies costs one printed line, and the training
goes on.
"""

import contextlib
import json
import os
import selectors
import subprocess
import sys
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any, Self

from tqdm import tqdm

import vaeline
from vaeline.training.record import Record
from vaeline.training.state import Training
from vaeline.training.steps.tally import TrainingDivergedError

MODULE = "vaeline.experiments.watching"
FINDINGS = Path("outputs/train/findings.json")
"""Where the companion writes the findings of a training that diverged."""
PATIENCE = 60  # seconds for an answer; it takes milliseconds, but a start on a busy machine takes longer

Measures = Mapping[str, float]


def epoch_measures(record: Record) -> Measures:
    """Returns what findings are made of after an epoch; the counts are of all steps so far.

    Without a validation there are neither `valid_kl` nor `valid_elbo`.
    """
    counts = {
        "epoch": record.epoch,
        "step": record.step,
        "skipped_updates": record.skipped_updates,
        "spikes": record.spikes,
        "largest_variance": record.largest_variance,
    }
    if not record.validated:
        return counts
    return counts | {"valid_kl": record.valid_kl, "valid_elbo": record.valid_elbo}


def step_measures(training: Training) -> Measures:
    """Returns the same in the middle of an epoch, without a validation."""
    return {
        "step": training.step,
        "skipped_updates": training.skipped,
        "spikes": training.monitor.spikes,
        "largest_variance": training.monitor.largest_variance,
    }


class Companion:
    """Sends the measures of a training to the companion process, and prints what that finds.

    Use it as a context manager: the process ends with the block, and also where this process is killed,
    since its input then ends.
    """

    def __init__(self, config: Mapping[str, Any], earlier: Sequence[Record], module: str = MODULE) -> None:
        self._module = module
        self._process: subprocess.Popen[str] | None = None
        FINDINGS.unlink(missing_ok=True)  # of an earlier training
        with self._tolerant():
            self._process = subprocess.Popen(
                [sys.executable, "-m", module],
                stdin=subprocess.PIPE,
                stdout=subprocess.PIPE,
                stderr=subprocess.DEVNULL,
                text=True,
                env=os.environ | {"PYTHONPATH": _search_path()},
                start_new_session=True,  # a Ctrl-C is for the training, at whose end this one ends
            )
            known = [epoch_measures(record) for record in earlier]
            self._send({"config": config, "earlier": known, "findings": str(FINDINGS)})

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self._end()

    def follow(
        self, epochs: Iterable[Record], training: Training, log: Callable[[Mapping[str, str]], None]
    ) -> Iterator[Record]:
        """Yields `epochs`, and prints each problem when it first appears.

        Args:
            epochs: those of `fit`.
            training: the training that they are of.
            log: given {path: folder} of the findings where the training diverged, which DVC would lose.

        Raises:
            TrainingDivergedError: as `epochs` do, after its findings have been written and printed.
        """
        try:
            for record in epochs:
                self._tell({"measures": epoch_measures(record)})
                yield record
        except TrainingDivergedError:
            self._tell({"diverged": step_measures(training)})
            if FINDINGS.is_file():
                log({str(FINDINGS): "findings"})
            raise

    def _tell(self, message: Mapping[str, Any]) -> None:
        if self._process is None:
            return
        text = ""
        with self._tolerant():
            self._send(message)
            text = json.loads(self._answer())["text"]
        if text:
            tqdm.write(text, file=sys.stderr)

    def _send(self, message: Mapping[str, Any]) -> None:
        assert self._process is not None
        assert self._process.stdin is not None
        self._process.stdin.write(json.dumps(message) + "\n")
        self._process.stdin.flush()

    def _answer(self) -> str:
        assert self._process is not None
        assert self._process.stdout is not None
        with selectors.DefaultSelector() as selector:
            selector.register(self._process.stdout, selectors.EVENT_READ)
            if not selector.select(PATIENCE):
                raise TimeoutError(f"no answer for {PATIENCE} seconds")
        return self._process.stdout.readline()

    @contextlib.contextmanager
    def _tolerant(self) -> Iterator[None]:
        try:
            yield
        except (OSError, ValueError, KeyError) as error:  # TimeoutError and BrokenPipeError are OSErrors
            self._end()
            tqdm.write(
                f"train: no findings while it trains: `python -m {self._module}` failed "
                f"({type(error).__name__}); the training goes on",
                file=sys.stderr,
            )

    def _end(self) -> None:
        process, self._process = self._process, None
        if process is None:
            return
        for pipe in (process.stdin, process.stdout):
            with contextlib.suppress(OSError):  # what was not yet sent to a process that has died
                if pipe is not None:
                    pipe.close()
        try:
            process.wait(timeout=PATIENCE)
        except subprocess.TimeoutExpired:
            process.kill()
            process.wait()


def _search_path() -> str:
    """Returns PYTHONPATH with the code that runs here first: an experiment runs in a copy of its own."""
    source = str(Path(vaeline.__file__).resolve().parent.parent)
    return os.pathsep.join(filter(None, [source, os.environ.get("PYTHONPATH", "")]))

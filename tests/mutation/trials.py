"""Tries mutants in forked children of a process that has imported everything and collected the tests."""

import gc
import importlib
import os
import resource
import signal
import sys
import time
from collections.abc import Callable, Sequence
from contextlib import suppress
from functools import partial
from itertools import groupby
from pathlib import Path
from types import FunctionType

import coverage
import pytest

from tests.mutation.mutants import Mutant, functions_of, put_in_place
from tests.mutation.reach import Reach, kept_at

PATIENCE = 5  # how many times as long as without a mutant its tests may take
SURVIVED, CAUGHT, IMPOSSIBLE, BROKEN = range(4)  # exit status of a child


class Trials:
    """A plugin of pytest that tries mutants instead of running the tests once.

    Attributes:
        survivors: those that no test has failed for.
        impossible: those that cannot be put in place, since a closure has lost a variable.
    """

    def __init__(self, mutants: Sequence[Mutant], source: Path) -> None:
        self.survivors: list[Mutant] = []
        self.impossible: list[Mutant] = []
        self._mutants = mutants
        self._source = source
        self._failed = False

    @property
    def tried(self) -> int:
        """How many mutants could be put in place."""
        return len(self._mutants) - len(self.impossible)

    def pytest_runtest_logreport(self, report: pytest.TestReport) -> None:
        """Is called by pytest with each part of a test that has run."""
        self._failed |= report.failed

    def pytest_runtestloop(self, session: pytest.Session) -> bool:
        """Stands for pytest's own loop over the collected tests."""
        gc.freeze()  # a child that collects garbage would copy all memory
        reach = self._reach(session.items)
        _import_all(reach.modules)
        functions = functions_of(self._source)
        gc.freeze()
        tests = {test.nodeid: test for test in session.items}
        for mutant in self._mutants:
            chosen = [tests[name] for name in reach.of(mutant)]
            limit = 10 + PATIENCE * sum(reach.seconds[test.nodeid] for test in chosen)
            status = _in_a_child(partial(self._try, mutant, functions, chosen), limit)
            if status == BROKEN:
                raise RuntimeError(f"{mutant}: the trial itself failed")
            if status == SURVIVED:
                self.survivors.append(mutant)
            if status == IMPOSSIBLE:
                self.impossible.append(mutant)
            verdict = {SURVIVED: "survives", IMPOSSIBLE: "is impossible"}.get(status, "is caught")
            print(f"{mutant} {verdict}, of {len(chosen)} tests", flush=True)
        return True

    def _try(self, mutant: Mutant, functions: Sequence[FunctionType], tests: Sequence[pytest.Item]) -> int:
        try:
            put_in_place(mutant, functions)
        except ValueError:
            return IMPOSSIBLE
        return SURVIVED if all(self._passes(test) for test in tests) else CAUGHT

    def _passes(self, test: pytest.Item, following: pytest.Item | None = None) -> bool:
        self._failed = False
        test.ihook.pytest_runtest_protocol(item=test, nextitem=following)
        return not self._failed

    def _reach(self, tests: Sequence[pytest.Item]) -> Reach:
        sources = sorted(self._source.glob("*.py"))
        files = {file: list(in_file) for file, in_file in groupby(tests, key=lambda test: test.path)}
        kept = {file: kept_at(file, sources) for file in files}
        for file, path in kept.items():
            if not path.is_file():
                _in_a_child(partial(self._measure, files[file], path), limit=3600)
        return Reach.read(kept.values())

    def _measure(self, tests: Sequence[pytest.Item], path: Path) -> int:
        measured = coverage.Coverage(data_file=None, source=[str(self._source)], config_file=False)
        measured.start()
        seconds = {}
        for test, following in zip(tests, [*tests[1:], None], strict=True):
            measured.switch_context(test.nodeid)
            started = time.process_time()
            if self._passes(test, following):
                seconds[test.nodeid] = time.process_time() - started
        measured.stop()
        data = measured.get_data()
        reached = {file: data.contexts_by_lineno(file) for file in data.measured_files()}
        Reach(seconds, reached, sorted(sys.modules)).write(path)
        return 0


def _import_all(names: Sequence[str]) -> None:
    """Imports what tests import when they run, so that not every child has to."""
    for name in names:
        with suppress(Exception):
            importlib.import_module(name)


def _in_a_child(run: Callable[[], int], limit: float) -> int:
    """Returns the exit status of `run` in a child that may use `limit` seconds of CPU time."""
    child = os.fork()
    if child:
        return os.waitstatus_to_exitcode(os.waitpid(child, 0)[1])
    status = BROKEN
    try:
        used = int(time.process_time() + limit) + 1
        resource.setrlimit(resource.RLIMIT_CPU, (used, used))
        signal.alarm(int(20 * limit))  # one that waits for ever uses none
        silence = os.open(os.devnull, os.O_WRONLY)
        os.dup2(silence, sys.stdout.fileno())
        os.dup2(silence, sys.stderr.fileno())
        status = run()
    finally:
        os._exit(status)

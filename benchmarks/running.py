"""Which benchmarks a command line names, and running them."""

import argparse
import logging
import time
from collections.abc import Callable, Mapping, Sequence
from typing import Any

from benchmarks.harness import Ratio

Benchmarks = Mapping[str, Callable[[], list[Ratio]]]
"""The benchmarks that one program can run, by the names that a person types."""
MeasuredRows = list[dict[str, Any]]
"""Measured ratios, with where they were measured."""


def parse_names(
    arguments: Sequence[str], benchmarks: Benchmarks, program: str, description: str | None
) -> list[str]:
    """Returns the benchmarks that the command line names, in its order, or all of them."""
    parser = argparse.ArgumentParser(
        prog=program, description=description, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    lines = (f"{name}: {(run.__doc__ or '').splitlines()[0]}" for name, run in benchmarks.items())
    parser.epilog = "benchmarks:\n  " + "\n  ".join(lines)
    parser.add_argument("names", nargs="*", metavar="NAME", help="benchmarks to run; all of them by default")
    names: list[str] = parser.parse_args(arguments).names
    if unknown := [name for name in names if name not in benchmarks]:
        parser.error(f"there is no benchmark '{unknown[0]}'; choose from: {' '.join(benchmarks)}")
    return names or list(benchmarks)


def measure_and_write(
    names: Sequence[str],
    benchmarks: Benchmarks,
    origin: Mapping[str, Any],
    write: Callable[[MeasuredRows], object],
) -> None:
    """Runs these benchmarks, and prints each ratio; what has been measured is lost to no later failure.

    Args:
        names: Those to run, in order.
        benchmarks: All that there are.
        origin: What each row says of where it was measured.
        write: Takes the rows of one benchmark, as soon as it has ended.
    """
    logging.disable(logging.INFO)  # the peers log much
    for name in names:
        started = time.perf_counter()
        measured = [{**ratio.to_dict(), "group": name, **origin} for ratio in benchmarks[name]()]
        write(measured)
        lines = [f"{row['work']}: {row['ratio']:.3g} × {row['against']}" for row in measured]
        print(*lines, f"({name}: {time.perf_counter() - started:.0f} s)", sep="\n", flush=True)

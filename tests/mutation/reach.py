"""Which tests run which lines, and what they cost: measured once for each file of tests, and kept."""

import hashlib
import json
from collections import defaultdict
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field
from pathlib import Path

from tests.mutation.mutants import Mutant

KEPT = Path(".scratch/mutation")
LIMIT = 30.0  # seconds of CPU time that the tests of one mutant may take without it


@dataclass
class Reach:
    """What tests reach, and what they cost.

    Attributes:
        seconds: CPU time of each test that passes, by its id.
        tests: ids of the tests that run a line, by file and line.
        modules: what is imported when they have run.
    """

    seconds: dict[str, float] = field(default_factory=dict)
    tests: dict[str, dict[int, list[str]]] = field(default_factory=dict)
    modules: list[str] = field(default_factory=list)

    @classmethod
    def read(cls, paths: Iterable[Path]) -> "Reach":
        """Returns what is kept in the files of `write`, together."""
        reach = cls(tests=defaultdict(lambda: defaultdict(list)))
        for path in paths:
            kept = json.loads(path.read_text())
            reach.seconds |= kept["seconds"]
            reach.modules += kept["modules"]
            for file, lines in kept["tests"].items():
                for line, names in lines.items():
                    reach.tests[file][int(line)] += names
        return reach

    def write(self, path: Path) -> None:
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(json.dumps(vars(self)))

    def of(self, mutant: Mutant) -> list[str]:
        """Returns the tests that run a mutant's lines, from the cheapest on, as far as LIMIT goes."""
        lines = self.tests.get(str(Path(mutant.path).resolve()), {})
        first, last = mutant.lines
        reaching = {test for line in range(first, last + 1) for test in lines.get(line, [])}
        chosen, total = [], 0.0
        for test in sorted(reaching & self.seconds.keys(), key=self.seconds.__getitem__):
            total += self.seconds[test]
            if total <= LIMIT:
                chosen.append(test)
        return chosen


def kept_at(tests: Path, sources: Sequence[Path]) -> Path:
    """Returns where the reach of a file of tests is kept, as long as neither it nor the sources change."""
    digest = hashlib.sha256()
    for path in (tests, *sources):
        digest.update(path.read_bytes())
    return KEPT / f"{tests.stem}-{digest.hexdigest()[:16]}.json"

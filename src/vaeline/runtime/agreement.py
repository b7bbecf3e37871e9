"""Whether several hosts have the same code and data."""

import functools
import hashlib
import platform
from collections.abc import Sequence
from importlib.metadata import version
from pathlib import Path

import vaeline
from vaeline.core.errors import VaelineError

DESCRIBED = Path("data/prepared/description.json")  # it holds the hash of every array
REMEDIES = {
    "vaeline": "`git pull` on both, or work in one shared folder",
    "torch": "`make .venv/.ready` on both",
    "data": "`dvc repro prepare` on both, or work in one shared folder",
}
HostFacts = dict[str, str]
"""What all hosts must have in common, and under `host` which of them has it."""


def host_facts(who: str, with_data: bool) -> HostFacts:
    """Returns the facts of this host, which errors call `who`, and those of the prepared data if wanted."""
    facts = {
        "host": f"{who} ({platform.node()})",
        "vaeline": f"{vaeline.__version__}, code {_code_digest()}",
        "torch": version("torch"),
    }
    return facts | ({"data": _digest(DESCRIBED)} if with_data else {})


def reject_differences(all_facts: Sequence[HostFacts]) -> None:
    """Raises VaelineError if some host has other facts than the first."""
    first = all_facts[0]
    for facts in all_facts[1:]:
        for name, remedy in REMEDIES.items():
            if facts.get(name) != first.get(name):
                raise VaelineError(
                    f"{facts['host']} has {name} ({facts.get(name)}), and {first['host']} has "
                    f"({first.get(name)}): {remedy}"
                )


@functools.cache
def _code_digest() -> str:
    root = Path(vaeline.__file__).parent
    files = [*sorted(root.rglob("*.py")), *sorted(Path("stages").glob("*.py"))]
    return hashlib.sha256(b"".join(path.read_bytes() for path in files)).hexdigest()[:10]


def _digest(path: Path) -> str:
    return hashlib.sha256(path.read_bytes()).hexdigest()[:10] if path.is_file() else "none prepared"

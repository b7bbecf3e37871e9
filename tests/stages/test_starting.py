"""How a stage starts: with the packages that it needs, and with help for who asks for it."""

import subprocess
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[2]


def started(*arguments: str, isolated: bool = False) -> subprocess.CompletedProcess[str]:
    """Runs python with `arguments`; if `isolated`, without any installed package."""
    flags = ["-S"] if isolated else []
    return subprocess.run([sys.executable, *flags, *arguments], cwd=ROOT, capture_output=True, text=True)


def test_missing_package_is_one_line_that_says_what_to_activate():
    done = started("-m", "stages.prepare", isolated=True)
    assert done.returncode == 1
    assert done.stderr.startswith(f"the package 'pydantic' is missing for {sys.executable}: ")
    assert "`source .venv/bin/activate`" in done.stderr
    assert done.stderr.count("\n") == 1


@pytest.mark.parametrize("module", ["stages.train", "vaeline.experiments.watching"])
def test_help_starts_no_work(module):
    done = started("-m", module, "--help")
    assert (done.returncode, done.stderr) == (0, "")
    assert done.stdout.strip()


def test_no_other_module_of_the_package_can_be_started():
    paths = [path for path in (ROOT / "src").rglob("*.py") if "__main__" in path.read_text()]
    assert [path.name for path in paths] == ["watching.py"]

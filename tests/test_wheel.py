"""The wheel, built from a clean copy and installed alone into an empty environment."""

import shutil
import subprocess
import sys
import zipfile
from email.parser import Parser
from pathlib import Path

import pytest
import torch

from tests.conftest import ROOT
from tests.support.small import SHAPE, config, vae
from vaeline import __version__
from vaeline.models import checkpoints

pytestmark = [pytest.mark.package, pytest.mark.xdist_group("package")]

UV = str(Path(sys.executable).with_name("uv"))
SAMPLED = """
import sys, vaeline
from vaeline.models import checkpoints
print(vaeline.__version__, vaeline.__file__, list(checkpoints.load(sys.argv[1]).sample(4).shape))
"""


@pytest.fixture(scope="module")
def wheel(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The wheel of the files that git knows."""
    root = tmp_path_factory.mktemp("package")
    listed = subprocess.check_output(
        ["git", "ls-files", "--cached", "--others", "--exclude-standard"], cwd=ROOT, text=True
    )
    wanted = [
        name
        for name in listed.splitlines()
        if name.startswith("src/") or name in ("pyproject.toml", "README.md", "LICENSE")
    ]
    for name in filter(lambda name: (ROOT / name).is_file(), wanted):  # git lists what was deleted as well
        (root / name).parent.mkdir(parents=True, exist_ok=True)
        shutil.copy(ROOT / name, root / name)
    subprocess.run([UV, "build", "--quiet", "--wheel", "--out-dir", "dist"], cwd=root, check=True)
    (built,) = (root / "dist").glob("*.whl")
    return built


@pytest.fixture(scope="module")
def installed(wheel, tmp_path_factory) -> Path:
    """An empty environment with the wheel and what it requires, at the versions of requirements.txt."""
    environment = tmp_path_factory.mktemp("installed") / "venv"
    subprocess.run([UV, "venv", "--quiet", "--python", sys.executable, environment], check=True)
    python = environment / "bin" / "python"
    install = [UV, "pip", "install", "--quiet", "--python", python, "--link-mode", "symlink"]
    subprocess.run([*install, "--constraints", ROOT / "requirements.txt", wheel], check=True)
    return environment / "bin"


def test_wheel_holds_the_package_its_data_and_its_licence_alone(wheel):
    with zipfile.ZipFile(wheel) as archive:
        files = set(archive.namelist())
        (metadata,) = (name for name in files if name.endswith(".dist-info/METADATA"))
        described = Parser().parsestr(archive.read(metadata).decode())
    source = {
        path.relative_to(ROOT / "src").as_posix()
        for path in (ROOT / "src" / "vaeline").rglob("*")
        if path.is_file() and "__pycache__" not in path.parts
    }
    information = metadata.rpartition("/")[0]
    assert {name for name in files if not name.startswith(information)} == source
    assert f"{information}/licenses/LICENSE" in files
    assert described["Version"] == __version__
    assert described["License-Expression"] == "Apache-2.0"
    assert described["Author"] == "The vaeline authors"
    assert {"dev", "bench", "docs"} <= set(described.get_all("Provides-Extra"))
    assert any(line.startswith("torch>=") for line in described.get_all("Requires-Dist"))


def run(*command: object, cwd: Path) -> str:
    return subprocess.run(
        list(map(str, command)), cwd=cwd, env={}, check=True, capture_output=True, text=True
    ).stdout


def test_installed_alone_it_lists_its_commands(installed, tmp_path):
    help_text = run(installed / "vaeline", "--help", cwd=tmp_path)
    for command in ("sweep", "compare", "preset", "ui"):
        assert f"\n  {command} " in help_text
    assert run(installed / "vaeline", "--version", cwd=tmp_path) == f"{__version__}\n"


def test_installed_alone_it_samples_from_a_checkpoint(installed, tmp_path):
    torch.manual_seed(1)
    facts = {"config": config().to_dict(), "shape": list(SHAPE), "classes": 10}
    content = {**facts, "training": {"model": vae().state_dict()}}
    checkpoints.save_checkpoint(tmp_path / "model.pt", content)
    version, file, shape = run(installed / "python", "-c", SAMPLED, "model.pt", cwd=tmp_path).split(
        maxsplit=2
    )
    assert version == __version__
    assert Path(file).is_relative_to(installed.parent)
    assert shape == f"{[4, *SHAPE]}\n"

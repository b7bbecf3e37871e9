import subprocess
import sys
from pathlib import Path

import pytest

from tests.conftest import ROOT
from vaeline.core.yaml import read_yaml
from vaeline.provenance.closure import folded, is_code, rewrite, stage_code

SOURCES = {
    "stages/__init__.py": "",
    "stages/go.py": "from vaeline.room import TABLE\nfrom vaeline.whole import page\n"
    "import vaeline.whole.deep.part\ndef main():\n    import vaeline.late\n",
    "src/vaeline/__init__.py": "",
    "src/vaeline/room/__init__.py": "from vaeline.room.part import Part\nimport json, os.path",
    "src/vaeline/room/part.py": "import torch\nfrom vaeline import word\nfrom vaeline.other import name",
    "src/vaeline/room/unused.py": "from vaeline import nothing",
    "src/vaeline/word.py": "from vaeline.room.part import Part  # a circle must end",
    "src/vaeline/other.py": "name = 1",
    "src/vaeline/late.py": "",
    "src/vaeline/nothing.py": "",
    "src/vaeline/py.typed": "",
    "src/vaeline/whole/__init__.py": "",
    "src/vaeline/whole/page.py": "",
    "src/vaeline/whole/templates/page.html": "",
    "src/vaeline/whole/deep/__init__.py": "",
    "src/vaeline/whole/deep/part.py": "",
    "src/vaeline/whole/__pycache__/page.cpython-311.pyc": "",
    ".dvcignore": "__pycache__/\n",
}
CLOSURE = [
    "stages/go.py",
    "src/vaeline/__init__.py",
    "src/vaeline/late.py",
    "src/vaeline/other.py",
    "src/vaeline/room/__init__.py",
    "src/vaeline/room/part.py",
    "src/vaeline/whole/__init__.py",
    "src/vaeline/whole/deep/__init__.py",
    "src/vaeline/whole/deep/part.py",
    "src/vaeline/whole/page.py",
    "src/vaeline/whole/templates/page.html",
    "src/vaeline/word.py",
    "stages/__init__.py",
]
EMPTY = ("src/vaeline/__init__.py", "stages/__init__.py")
FOLDED = [path for path in CLOSURE if "whole" not in path and path not in EMPTY]
FOLDED.insert(FOLDED.index("src/vaeline/word.py"), "src/vaeline/whole")


@pytest.fixture
def project(tmp_path, monkeypatch) -> Path:
    for name, content in SOURCES.items():
        (tmp_path / name).parent.mkdir(parents=True, exist_ok=True)
        (tmp_path / name).write_text(content)
    monkeypatch.chdir(tmp_path)
    return tmp_path


def test_the_closure_follows_every_import_and_nothing_else(project):
    assert stage_code("go") == CLOSURE


def test_a_folder_that_is_used_whole_is_one_entry(project):
    assert folded(CLOSURE) == FOLDED


def test_a_folder_with_a_module_that_is_not_used_is_not(project):
    (project / "src/vaeline/whole/deep/other.py").write_text("")
    assert [path for path in folded(stage_code("go")) if "whole" in path] == [
        "src/vaeline/whole/deep/part.py",
        "src/vaeline/whole/page.py",
        "src/vaeline/whole/templates",
    ]


def test_a_packages_init_is_an_entry_only_with_code(project):
    (project / "src/vaeline/whole/deep/other.py").write_text("")
    (project / "src/vaeline/whole/__init__.py").write_text('"""What a room holds."""\n')
    assert "src/vaeline/whole/__init__.py" not in folded(stage_code("go"))
    (project / "src/vaeline/whole/__init__.py").write_text('"""What a room holds."""\nname = 1\n')
    assert "src/vaeline/whole/__init__.py" in folded(stage_code("go"))


def test_rewriting_brings_code_up_to_date_and_leaves_the_rest(project):
    pipeline = project / "dvc.yaml"
    pipeline.write_text(
        "# The pipeline.\n"
        "stages:\n"
        "  go:\n"
        "    cmd: python -m stages.go  # with a comment\n"
        "    params:\n"
        "      - beta\n"
        "    deps:\n"
        "      - src/vaeline/nothing.py\n"
        "      - data/prepared\n"
        "      - outputs/check/metrics.json\n"
        "    metrics:\n"
        "      - outputs/go/metrics.json:\n"
        "          cache: false\n"
    )
    rewrite(pipeline)
    text = pipeline.read_text()
    assert read_yaml(pipeline)["stages"]["go"] == {
        "cmd": "python -m stages.go",
        "params": ["beta"],
        "deps": [*FOLDED, "data/prepared", "outputs/check/metrics.json"],
        "metrics": [{"outputs/go/metrics.json": {"cache": False}}],
    }
    assert text.startswith("# The pipeline.\n")
    assert "# with a comment" in text
    rewrite(pipeline)
    assert pipeline.read_text() == text


def test_rewriting_this_projects_pipeline_changes_nothing_but_code(at_the_root, tmp_path):
    copy = tmp_path / "dvc.yaml"
    copy.write_text((ROOT / "dvc.yaml").read_text())
    rewrite(copy)
    assert copy.read_text() == (ROOT / "dvc.yaml").read_text(), "run `make deps`"


@pytest.mark.parametrize(
    ("dependency", "code"),
    [
        ("src/vaeline/core/params.py", True),
        ("stages/train.py", True),
        ("data/prepared", False),
        ("outputs/train/script.py", False),
        ("src/vaeline/data", True),
        ("data", False),
    ],
)
def test_only_files_and_folders_of_the_project_are_code(dependency, code):
    assert is_code(dependency) is code


def test_the_closure_of_a_stage_is_what_python_loads(at_the_root):
    """Python itself is the oracle, for a stage whose imports all stand at the top of their modules."""
    program = (
        "import sys, pathlib, stages.check\n"
        "ours = [m for name, m in sys.modules.items() if name.split('.')[0] in ('vaeline', 'stages')]\n"
        "files = [pathlib.Path(m.__file__).relative_to(pathlib.Path.cwd()) for m in ours]\n"
        "print(*sorted(map(str, files)))"
    )
    ran = subprocess.run(
        [sys.executable, "-c", program], capture_output=True, text=True, check=True, cwd=ROOT
    )
    assert ran.stdout.split() == sorted(stage_code("check"))

from pathlib import Path

import pytest

from vaeline.core.params import StageParams
from vaeline.provenance.fingerprint import fingerprint

PARAMS = {"beta": 1.0, "prior": {"name": "standard_normal"}}


@pytest.fixture(autouse=True)
def project(tmp_path, monkeypatch) -> Path:
    (tmp_path / "dvc.yaml").write_text(
        "stages:\n  train:\n    cmd: x\n    deps: [code.py, data, absent.json]\n"
    )
    (tmp_path / "params.yaml").write_text("{}")
    (tmp_path / ".dvcignore").write_text("__pycache__/\n")
    (tmp_path / "code.py").write_text("x = 1")
    (tmp_path / "data" / "deep").mkdir(parents=True)
    (tmp_path / "data" / "deep" / "a.npy").write_bytes(b"abc")
    (tmp_path / "other.py").write_text("y = 1")
    monkeypatch.chdir(tmp_path)
    return tmp_path


def of(**changes: object) -> str:
    return fingerprint("train", StageParams(PARAMS | changes))


def test_it_is_16_hexadecimal_digits_and_always_the_same():
    assert of() == of()
    assert len(of()) == 16
    assert int(of(), 16) >= 0
    reordered = StageParams(dict(reversed(PARAMS.items())))
    assert fingerprint("train", reordered) == of()


@pytest.mark.parametrize(
    "change",
    [
        lambda root: (root / "code.py").write_text("x = 2"),
        lambda root: (root / "data" / "deep" / "a.npy").write_bytes(b"abd"),
        lambda root: (root / "data" / "deep" / "a.npy").rename(root / "data" / "deep" / "b.npy"),
        lambda root: (root / "data" / "new.npy").write_bytes(b""),
        lambda root: (root / "data" / "deep" / "a.npy").unlink(),
        lambda root: (root / "absent.json").write_text("{}"),
    ],
    ids=["code", "data", "a name", "a new file", "a file gone", "a file there"],
)
def test_whatever_a_stage_depends_on_changes_it(project, change):
    before = of()
    change(project)
    assert of() != before


@pytest.mark.parametrize("changes", [{"beta": 2.0}, {"prior": {"name": "vamp"}}, {"extra": None}], ids=str)
def test_every_param_changes_it(changes):
    assert of(**changes) != of()


def test_nothing_else_changes_it(project):
    before = of()
    (project / "other.py").write_text("y = 2")
    (project / "data" / "__pycache__").mkdir()
    (project / "data" / "__pycache__" / "a.pyc").write_bytes(b"bytecode")
    assert of() == before

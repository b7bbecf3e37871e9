"""What a stage depends on, and its hash, with DVC itself as the oracle."""

from pathlib import Path

import pytest
from dvc.repo import Repo

from vaeline.core.errors import VaelineError
from vaeline.core.yaml import read_yaml
from vaeline.provenance.dependencies import dependency_hash, stage_dependencies

PIPELINE = """\
stages:
  use:
    cmd: echo \\${NPROC:-1}
    params: [data]
    deps: [code.py, folder, "${data.folder}/images"]
    outs: []
"""


@pytest.fixture
def project(tmp_path, monkeypatch) -> Path:
    monkeypatch.chdir(tmp_path)
    files = {
        "dvc.yaml": PIPELINE,
        "params.yaml": "data: {folder: mine}\n",
        ".dvcignore": "__pycache__/\n*.pyc\n",
        "code.py": "x = 1\r\n",
        "folder/b.txt": "b",
        "folder/a/é.txt": "a",
        "folder/a-b/c.txt": "c",
        "folder/__pycache__/x.pyc": "bytecode",
        "mine/images/one.png": "1",
    }
    for name, content in files.items():
        (tmp_path / name).parent.mkdir(parents=True, exist_ok=True)
        (tmp_path / name).write_bytes(content.encode())
    return tmp_path


def test_hashes_are_those_that_dvc_records(project):
    Repo.init(no_scm=True).reproduce()
    recorded = {d["path"]: d["md5"] for d in read_yaml("dvc.lock")["stages"]["use"]["deps"]}
    assert set(recorded) == {"code.py", "folder", "mine/images"}
    assert {path: dependency_hash(path) for path in recorded} == recorded


def test_bytecode_does_not_change_a_folder(project):
    before = dependency_hash("folder")
    (project / "folder/__pycache__/y.pyc").write_bytes(b"more")
    (project / "folder/a/z.pyc").write_bytes(b"more")
    assert dependency_hash("folder") == before
    (project / "folder/a/new.txt").write_bytes(b"")
    assert dependency_hash("folder") != before


def test_what_is_absent_has_no_hash(project):
    assert dependency_hash("absent") == ""


def test_references_to_params_are_resolved(project):
    params = read_yaml("params.yaml")
    assert stage_dependencies("use", params) == ["code.py", "folder", "mine/images"]
    with pytest.raises(VaelineError, match=r"the deps of 'use' name 'data.folder'"):
        stage_dependencies("use", {"data": {}})

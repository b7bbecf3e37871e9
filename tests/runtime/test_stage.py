import errno
import subprocess
import sys
from pathlib import Path

import pytest

from tests.conftest import ROOT
from vaeline.core.errors import VaelineError
from vaeline.core.params import StageParams
from vaeline.runtime.stage import run_stage, workspace


@pytest.fixture
def project(tmp_path, monkeypatch) -> Path:
    (tmp_path / "params.yaml").write_text("beta: 3\n")
    (tmp_path / "dvc.yaml").write_text("stages:\n  train: {cmd: x, params: [beta]}\n")
    monkeypatch.chdir(tmp_path)
    return tmp_path


def test_stage_receives_its_params(project):
    seen = []
    run_stage("train", lambda params: seen.append(params.to_dict()))
    assert seen == [{"beta": 3.0}]


def raising(error: BaseException):
    def main(_: StageParams) -> None:
        raise error

    return main


def test_error_of_the_user_is_one_line(project):
    with pytest.raises(SystemExit) as caught:
        run_stage("train", raising(VaelineError("data/raw: empty: put the files there")))
    assert caught.value.code == "train: data/raw: empty: put the files there"


@pytest.mark.parametrize("code", [errno.ENOSPC, errno.EDQUOT])
def test_a_full_disk_is_one_line_that_names_the_file(project, code):
    with pytest.raises(SystemExit) as caught:
        run_stage("train", raising(OSError(code, "no space", "outputs/train/best.pt")))
    assert caught.value.code.startswith("train: no space left on the disk (outputs/train/best.pt): ")
    assert "\n" not in caught.value.code


@pytest.mark.parametrize(
    "error", [ZeroDivisionError(), OSError(errno.EIO, "broken disk"), KeyboardInterrupt()]
)
def test_unexpected_error_keeps_its_traceback(project, error):
    with pytest.raises(type(error)):
        run_stage("train", raising(error))


def test_a_wrong_parameter_ends_the_process_with_one_line_and_not_with_0(project):
    (project / "params.yaml").write_text("data: {name: digits, valid_sise: 3}\n")
    (project / "dvc.yaml").write_text((ROOT / "dvc.yaml").read_text())
    program = [sys.executable, "-c", f"import sys; sys.path.insert(0, {str(ROOT)!r}); import runpy; "
               "runpy.run_module('stages.prepare', run_name='__main__')"]  # fmt: skip
    ended = subprocess.run(program, capture_output=True, text=True, cwd=project)
    assert ended.returncode == 1
    assert ended.stderr.splitlines() == [
        "prepare: params.yaml: unknown key 'data.valid_sise' (did you mean 'valid_size'?)"
    ]
    assert not (project / "outputs").exists()


def test_the_workspace_is_the_repository_also_from_a_temporary_copy(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    monkeypatch.delenv("DVC_ROOT", raising=False)
    assert workspace() == tmp_path.resolve()
    monkeypatch.setenv("DVC_ROOT", str(tmp_path / "elsewhere"))
    assert workspace() == (tmp_path / "elsewhere").resolve()

import errno
import hashlib
import signal
import subprocess
import sys
from pathlib import Path

import pytest

from tests.conftest import ROOT
from vaeline.core.errors import VaelineError
from vaeline.core.params import StageParams
from vaeline.core.progress import bar
from vaeline.runtime.stage import run_stage, workspace


@pytest.fixture
def project(tmp_path, monkeypatch) -> Path:
    (tmp_path / "params.yaml").write_text("beta: 3\n")
    (tmp_path / "dvc.yaml").write_text("stages:\n  train: {cmd: x, params: [beta, device]}\n")
    monkeypatch.chdir(tmp_path)
    return tmp_path


def test_stage_receives_its_params(project):
    seen = []
    run_stage("train", lambda params: seen.append(params.to_dict()))
    assert seen == [{"beta": 3.0, "device": "auto"}]


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
    "error", [VaelineError("params.yaml: beta"), OSError(errno.ENOSPC, "no space", "a"), KeyboardInterrupt()]
)
def test_the_line_of_an_error_is_not_written_behind_a_progress_bar(project, capsys, error):
    def main(_: StageParams) -> None:
        for _ in loop:
            raise error

    def steps():
        with bar(total=3) as drawn:  # a generator's block ends when the generator is collected
            while True:
                yield drawn.update()

    loop = steps()
    with pytest.raises(SystemExit) as caught:
        run_stage("train", main)
    said = f"{capsys.readouterr().err}{caught.value.code}"
    assert said.startswith("\r  0%")
    assert said.splitlines()[-1].startswith("train: ") or said.splitlines()[-2].startswith("train: stopped")


@pytest.mark.parametrize("error", [ZeroDivisionError(), OSError(errno.EIO, "broken disk")])
def test_unexpected_error_keeps_its_traceback(project, error):
    with pytest.raises(type(error)):
        run_stage("train", raising(error))


@pytest.mark.parametrize(
    ("number", "status"), [(signal.SIGINT, 130), (signal.SIGTERM, 143), (signal.SIGHUP, 129)]
)
def test_a_signal_ends_a_stage_with_one_line_that_says_how_to_resume(
    project, monkeypatch, capsys, number, status
):
    monkeypatch.delenv("DVC_EXP_NAME", raising=False)
    before = signal.getsignal(number)
    ended = []

    def main(_: StageParams) -> None:
        try:
            signal.raise_signal(number)
        finally:
            ended.append("in order")

    with pytest.raises(SystemExit) as caught:
        run_stage("train", main)
    assert caught.value.code == status
    assert ended == ["in order"]
    assert capsys.readouterr().err == "train: stopped; `dvc repro` resumes it after its last whole epoch\n"
    assert signal.getsignal(number) is before


def test_a_stopped_stage_of_an_experiment_is_resumed_by_its_own_command(project, monkeypatch, capsys):
    monkeypatch.setenv("DVC_EXP_NAME", "beta=4")
    (project / "dvc.yaml").write_text("stages:\n  fid: {cmd: x, params: [beta, device]}\n")
    with pytest.raises(SystemExit):
        run_stage("fid", raising(KeyboardInterrupt()))
    assert capsys.readouterr().err == "fid: stopped; the same command runs it again\n"


def test_what_dvc_has_recorded_is_removed_when_a_stage_starts(project, monkeypatch):
    monkeypatch.delenv("DVC_ROOT", raising=False)
    training = project / ".scratch/train/a.0"
    training.mkdir(parents=True)
    (training / "run.json").write_text("{}")
    (project / "dvc.lock").write_text(f"md5: {hashlib.md5(b'{}').hexdigest()}")
    run_stage("train", lambda _: None)
    assert not training.exists()


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

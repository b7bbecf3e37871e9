"""Starting and stopping experiments, and why one failed."""

import contextlib
import subprocess
import sys
import time
from pathlib import Path

import pytest

from tests.support.committed import CODE, git, keep
from vaeline.core.errors import VaelineError
from vaeline.experiments import launch


def test_name_that_is_taken_gets_a_number(committed):
    assert launch.unused_name("beta=4") == "beta=4"
    keep("beta=4")
    assert launch.unused_name("beta=4") == "beta=4-2"


@pytest.mark.parametrize(
    ("log", "reason"),
    [
        ("train: 9 updates were NaN\nERROR: failed to reproduce 'train'\n", "train: 9 updates were NaN"),
        (
            "train:  9%\rtrain: 10%\nTraceback\nRuntimeError: odd\nERROR: failed to reproduce 'train'\n",
            "RuntimeError: odd",
        ),
        ("Reproducing\nERROR: the disk is full\n\nHaving any troubles?\n", "the disk is full"),
        ("ERROR: failed to reproduce 'train'\n", "failed to reproduce 'train'"),
        ("killed\n", "killed"),
        ("", "it printed nothing"),
    ],
)
def test_reason_of_a_failure_is_the_most_telling_line(tmp_path, monkeypatch, log, reason):
    monkeypatch.chdir(tmp_path)
    launch.log_path("one").parent.mkdir(parents=True)
    launch.log_path("one").write_text(log)
    assert launch.failure("one") == f"one failed: {reason} (full log: .scratch/experiments/one.log)"


def test_nothing_is_started_in_a_shallow_clone(committed, tmp_path, monkeypatch):
    git("commit", "--allow-empty", "-qm", "another")
    git("clone", "-q", "--depth", "1", tmp_path.as_uri(), "shallow")
    monkeypatch.chdir("shallow")
    with pytest.raises(VaelineError, match="git fetch --unshallow"), launch.running_experiment([], "one"):
        pass


def test_changed_files_need_an_identity_of_git(committed, monkeypatch):
    git("config", "user.name", "")
    Path(CODE).write_text("one = 2\n")
    with pytest.raises(VaelineError, match="git config"), launch.running_experiment([], "one"):
        pass


def test_path_of_own_data_is_given_whole_since_the_copy_may_lack_it(committed, tmp_path):
    folder = "data.path"
    of_images = ["data.name=image_folder", f"{folder}=my images", "seed=1"]
    assert launch.with_whole_path(of_images) == [
        "data.name=image_folder", "seed=1", f"{folder}='{tmp_path}/my images'"
    ]  # fmt: skip
    for unchanged in (["data.name=image_folder", f"{folder}=/mine"], [f"{folder}=mine"], ["beta=4"]):
        assert launch.with_whole_path(unchanged) == unchanged


def test_interruption_stops_dvc_and_its_stage(committed, monkeypatch, tmp_path):
    """A Python that stands in for DVC starts a stage as DVC does: both must be gone."""
    fake = tmp_path / "fake"
    (fake / "dvc").mkdir(parents=True)
    (fake / "dvc" / "__init__.py").touch()
    (fake / "dvc" / "__main__.py").write_text(
        "import subprocess, sys\n"
        "stage = subprocess.Popen([sys.executable, '-c', 'import time; time.sleep(300)'])\n"
        "print(stage.pid, *sys.argv[1:], flush=True)\n"
        "stage.wait()\n"
    )
    monkeypatch.setenv("PYTHONPATH", str(fake))
    with contextlib.suppress(KeyboardInterrupt), launch.running_experiment(["beta=4"], "one") as process:
        deadline = time.monotonic() + 60
        while not launch.log_path("one").read_text().endswith("\n"):
            assert time.monotonic() < deadline
            time.sleep(0.01)
        raise KeyboardInterrupt
    pid, *arguments = launch.log_path("one").read_text().splitlines()[0].split()
    assert arguments == ["exp", "run", "--temp", "-n", "one", "-S", "beta=4"]
    assert process.poll() is not None
    status = Path(f"/proc/{pid}/stat")  # a child whose parent does not wait for it stays as a zombie
    assert sys.platform != "linux" or not status.exists() or status.read_text().split()[2] == "Z"


def test_last_line_of_the_log_is_shown_beside_the_bar(tmp_path, monkeypatch):
    monkeypatch.setattr("vaeline.experiments.launch.LOGS", tmp_path)
    launch.log_path("one").write_text("first\ntrain: 10%\rtrain: 20%\r")
    texts = []

    class Bar:
        def set_postfix_str(self, text, refresh):
            texts.append(text)

    launch.watch(subprocess.Popen([sys.executable, "-c", ""]), "one", Bar())
    assert texts[-1] == "one: train: 20%"

"""A stage ends with DVC, and Ctrl-C ends it with one line: with real, small processes."""

import os
import signal
import subprocess
import sys
import textwrap
from pathlib import Path

import pytest

from tests.conftest import ROOT
from vaeline.runtime.stopping import StoppedError, stoppable

STAGE = """
import sys, time
from vaeline.runtime import stopping
stopping.LOOK_EVERY = 0.01
with stopping.stoppable():
    try:
        stopping.end_with_starter()
        print("runs", flush=True)
        while True:
            time.sleep(0.01)
    except stopping.StoppedError as error:
        print("ended", error, flush=True)
"""
# Starts its argument as DVC does, and is killed while that runs.
STARTER = """
import os, subprocess, sys
subprocess.Popen(sys.argv[1:], env=os.environ | {"DVC_STAGE": "train"})
print(os.getpid(), flush=True)
os.read(0, 1)
"""


def started(*command: str, start_new_session: bool = False) -> "subprocess.Popen[str]":
    return subprocess.Popen(
        [sys.executable, "-c", *command], cwd=ROOT, env=os.environ | {"PYTHONPATH": "src"}, text=True,
        stdin=subprocess.PIPE, stdout=subprocess.PIPE, stderr=subprocess.PIPE,
        start_new_session=start_new_session,
    )  # fmt: skip


@pytest.mark.parametrize(
    "shell", [[], ["sh", "-c", 'trap : USR1; "$@"; true', "sh"]], ids=["direct", "shell"]
)
def test_a_stage_ends_in_order_when_the_process_that_started_it_is_killed(shell):
    starter = started(STARTER, *shell, sys.executable, "-c", STAGE)
    lines = [starter.stdout.readline() for _ in range(2)]
    assert "runs\n" in lines
    starter.kill()
    # Read to the end: the stage, and the shell if there is one, have then ended.
    assert starter.communicate() == ("ended stopped by SIGTERM\n", "")


def test_a_stage_that_was_started_by_hand_outlives_its_shell():
    by_hand = STARTER.replace('"DVC_STAGE"', '"NO_STAGE"')
    stage = STAGE.replace("while True:", "for _ in range(30):").replace(
        "    except", "        print('outlived', flush=True)\n    except"
    )
    starter = started(by_hand, sys.executable, "-c", stage)
    lines = [starter.stdout.readline() for _ in range(2)]
    assert "runs\n" in lines
    starter.kill()
    assert starter.communicate() == ("outlived\n", "")


def test_ctrl_c_while_a_stage_imports_its_modules_is_one_line(tmp_path):
    """The signal comes from an import, before the stage can handle it."""
    (tmp_path / "stages").mkdir()
    (tmp_path / "stages" / "__init__.py").write_text((ROOT / "stages" / "__init__.py").read_text())
    (tmp_path / "stages" / "slow.py").write_text(
        textwrap.dedent("""
        import signal
        signal.raise_signal(signal.SIGINT)
        raise AssertionError
        """)
    )
    for rank, said in (("0", ["slow: stopped; the same command runs it"]), ("1", [])):
        ended = subprocess.run(
            [sys.executable, "-m", "stages.slow"], cwd=tmp_path, capture_output=True, text=True,
            env=os.environ | {"PYTHONPATH": str(ROOT / "src"), "RANK": rank},
        )  # fmt: skip
        assert ended.returncode == 130
        assert ended.stderr.splitlines() == said


def test_importing_a_stage_leaves_ctrl_c_to_who_imports_it():
    import stages

    assert Path(stages.__file__).parent == ROOT / "stages"
    assert signal.getsignal(signal.SIGINT) is signal.default_int_handler


def test_an_ignored_signal_stays_ignored():
    """As under nohup."""
    before = signal.signal(signal.SIGHUP, signal.SIG_IGN)
    try:
        with stoppable():
            signal.raise_signal(signal.SIGHUP)
        with pytest.raises(StoppedError), stoppable():
            signal.raise_signal(signal.SIGTERM)
    finally:
        signal.signal(signal.SIGHUP, before)


POOL = """
import os, signal, sys
from vaeline.runtime.processes import worker_pool
with worker_pool(2) as pool:
    print(*pool.map(abs, [-1, -2]), flush=True)
    try:
        os.killpg(os.getpgid(0), signal.SIGINT)  # as a terminal does
    except KeyboardInterrupt:
        print("stopped", *pool.map(abs, [-3, -4]), flush=True)
    if "wait" in sys.argv:
        sys.stdin.read()
"""


INTERRUPTED_AT_ONCE = """
import os
from signal import SIGINT, raise_signal
os.register_at_fork(after_in_child=lambda: raise_signal(SIGINT))
"""


def test_ctrl_c_is_for_the_process_that_has_workers_and_not_for_them():
    program = started(POOL, start_new_session=True)
    assert program.communicate() == ("1 2\nstopped 3 4\n", "")


def test_a_hangup_is_for_the_process_that_has_workers_and_not_for_them():
    hung_up = POOL.replace("SIGINT", "SIGHUP").replace(
        "    try:\n", "    signal.signal(signal.SIGHUP, signal.default_int_handler)\n    try:\n"
    )
    program = started(hung_up, start_new_session=True)
    assert program.communicate() == ("1 2\nstopped 3 4\n", "")


def test_ctrl_c_while_a_worker_begins_is_not_for_it_either():
    """The signal comes between the fork and the worker's own handlers."""
    program = started(INTERRUPTED_AT_ONCE + POOL, start_new_session=True)
    assert program.communicate() == ("1 2\nstopped 3 4\n", "")


@pytest.mark.skipif(sys.platform != "linux", reason="the kernel ends them on Linux alone")
def test_workers_end_with_the_process_that_started_them():
    program = started(POOL, "wait", start_new_session=True)
    assert [program.stdout.readline() for _ in range(2)] == ["1 2\n", "stopped 3 4\n"]
    program.kill()
    assert program.communicate() == ("", "")  # its end is read once the last worker has closed it


LATE_WORKER = """
import multiprocessing, os, time
from vaeline.runtime.processes import _become_worker
def work(parent):
    while os.getppid() == parent:
        time.sleep(0.01)
    _become_worker()
    print("left alone", flush=True)
multiprocessing.get_context("fork").Process(target=work, args=(os.getpid(),)).start()
os._exit(0)
"""


@pytest.mark.skipif(sys.platform != "linux", reason="the kernel ends them on Linux alone")
def test_a_worker_whose_parent_ends_before_it_begins_ends_too():
    assert started(LATE_WORKER).communicate() == ("", "")


def test_ctrl_c_while_a_command_imports_its_modules_is_one_line(tmp_path):
    """The same module, run as `vaeline` is: under that name."""
    command = tmp_path / "vaeline"
    command.write_text(
        "import signal\nfrom vaeline.runtime.stopping import stop_without_traceback\n"
        "stop_without_traceback()\nsignal.raise_signal(signal.SIGINT)\n"
    )
    ended = subprocess.run(
        [sys.executable, str(command)], capture_output=True, text=True,
        env=os.environ | {"PYTHONPATH": str(ROOT / "src")},
    )  # fmt: skip
    assert (ended.returncode, ended.stderr) == (130, "vaeline: stopped; the same command runs it\n")

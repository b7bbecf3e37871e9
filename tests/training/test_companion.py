"""The companion process of a training: what it is told, what it costs when it fails, and when it ends."""

import os
import subprocess
import sys
import time

import pytest

from tests.conftest import ROOT
from tests.support.small import config, digits
from tests.support.trainings import VALID, N, failing, started
from vaeline.diagnosis.finding import load_findings
from vaeline.provenance.closure import stage_code
from vaeline.training import companion
from vaeline.training.companion import FINDINGS, MODULE, Companion
from vaeline.training.fit import fit
from vaeline.training.steps.tally import TrainingDivergedError


@pytest.fixture
def place(tmp_path, monkeypatch):
    """A workspace without results."""
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("DVC_ROOT", str(tmp_path))
    monkeypatch.delenv("DVC_EXP_NAME", raising=False)
    (tmp_path / "params.yaml").write_text("beta: 1.0\n")
    return tmp_path


def train(params, objective=None, earlier=(), training=None, logged=None, **options):
    training = training or started(params, objective)
    log = ({} if logged is None else logged).update
    with Companion(params.to_dict(), earlier, **options) as judge:
        return list(judge.follow(fit(training, digits(N), VALID, params), training, log))


def printed(capsys):
    """Returns the lines on stderr that are not of the progress bar."""
    lines = capsys.readouterr().err.splitlines()
    return [line for line in lines if line.strip() and "step" not in line]


def test_a_healthy_training_is_followed_without_a_word(place, capsys):
    logged = {}
    FINDINGS.parent.mkdir(parents=True)
    FINDINGS.write_text("of an earlier training")
    assert [record.epoch for record in train(config(epochs=2), logged=logged)] == [1, 2]
    assert logged == {}
    assert printed(capsys) == []
    assert not FINDINGS.exists()


def test_a_training_that_diverges_has_its_findings_written_printed_and_logged(place, capsys):
    logged = {}
    with pytest.raises(TrainingDivergedError):
        train(config(max_skipped_updates=2, epochs=5), failing(*range(4, 100)), logged=logged)
    (finding,) = load_findings(FINDINGS)
    assert (finding.name, finding.level) == ("unstable_training", "problem")
    assert {one.name: one.value for one in finding.evidence}["skipped_updates"] >= 3
    assert finding.command in capsys.readouterr().err
    assert logged == {str(FINDINGS): "findings"}


def test_a_problem_is_printed_once_also_after_a_resume(place, capsys):
    params = config(epochs=4)
    parts = started(config(epochs=2), failing(1))
    first = train(config(epochs=2), training=parts)
    assert capsys.readouterr().err.count("- Unstable training: 1 updates were not finite") == 1
    resumed = started(params)
    resumed.load_state_dict(parts.state_dict())
    train(params, training=resumed, earlier=first)
    assert capsys.readouterr().err.count("- Unstable training: 1 updates were not finite") == 1


@pytest.mark.parametrize("body", ["raise SystemExit(3)", "input()", "import time; input(); time.sleep(60)"])
def test_a_companion_that_fails_costs_one_line_and_never_the_training(place, monkeypatch, capsys, body):
    """It does not start, dies at the first line, or hangs."""
    (place / "broken.py").write_text(body)
    monkeypatch.setattr(companion, "PATIENCE", 1.5)
    records = train(config(epochs=3), failing(4), module="broken")
    assert len(records) == 3
    (line,) = printed(capsys)
    assert line.startswith("train: no findings while it trains: `python -m broken` failed (")


def test_a_companion_that_cannot_be_started_costs_one_line(place, monkeypatch, capsys):
    monkeypatch.setattr(sys, "executable", str(place / "no-python"))
    assert len(train(config(epochs=1))) == 1
    (line,) = printed(capsys)
    assert line.endswith("failed (FileNotFoundError); the training goes on")


def test_a_diverged_training_raises_its_own_error_also_without_a_companion(place):
    (place / "broken.py").write_text("raise SystemExit(3)")
    with pytest.raises(TrainingDivergedError):
        train(config(max_skipped_updates=0, epochs=2), failing(1), module="broken")


def test_companion_ends_with_the_block_and_when_the_training_is_killed(place):
    """Killed, the training closes nothing: the companion's input ends by itself."""
    program = (
        "import os, signal, sys\n"
        "from vaeline.training.companion import Companion\n"
        "companion = Companion({}, [], module='child')\n"
        "while not os.path.exists('pid'): pass\n"
        "os.kill(os.getpid(), signal.SIGKILL)\n"
    )
    (place / "child.py").write_text(
        "import os, sys\n"
        "open('pid.part', 'w').write(str(os.getpid()))\n"
        "os.rename('pid.part', 'pid')\n"
        "for _ in sys.stdin: pass\n"
        "open('ended', 'w').close()\n"
    )
    path = os.pathsep.join([str(ROOT / "src"), str(place)])
    done = subprocess.run([sys.executable, "-c", program], env=os.environ | {"PYTHONPATH": path})
    assert done.returncode == -9
    deadline = time.monotonic() + 20
    while not (place / "ended").exists():
        assert time.monotonic() < deadline
        time.sleep(0.05)
    (place / "pid").unlink()
    (place / "ended").unlink()
    with Companion({}, [], module="child"):
        pass
    assert (place / "ended").exists()


def test_companion_runs_the_code_of_the_training_and_not_the_installed_one(place):
    (place / "where.py").write_text(
        "import json, vaeline\nfirst = input()\ninput()\nprint(json.dumps({'text': vaeline.__file__}))"
    )
    program = (
        "import sys\n"
        f"sys.path.insert(0, {str(ROOT / 'src')!r})\n"
        "from types import SimpleNamespace\n"
        "from vaeline.training.companion import Companion, epoch_measures\n"
        "record = SimpleNamespace(\n"
        "    epoch=1, step=1, skipped_updates=0, spikes=0, largest_variance=1.0, validated=True,\n"
        "    valid_kl=1.0, valid_elbo=-1.0,\n"
        ")\n"
        "with Companion({}, [], module='where') as companion:\n"
        "    list(companion.follow([record], None, dict))\n"
    )
    environment = {key: value for key, value in os.environ.items() if key != "PYTHONPATH"}
    done = subprocess.run(
        [sys.executable, "-c", program], cwd=place, env=environment, capture_output=True, text=True
    )
    assert done.stderr.strip() == str(ROOT / "src/vaeline/__init__.py")


def test_companion_does_not_import_torch():
    program = f"import json, sys, {MODULE}; print('torch' in sys.modules)"
    environment = os.environ | {"PYTHONPATH": str(ROOT / "src")}
    assert subprocess.check_output([sys.executable, "-c", program], env=environment, text=True) == "False\n"


def test_a_training_depends_on_no_threshold_and_no_page(monkeypatch):
    monkeypatch.chdir(ROOT)
    rooms = {file.split("/")[2] for file in stage_code("train") if file.startswith("src/vaeline/")}
    assert not rooms & {"diagnosis", "reporting", "experiments", "config.py"}

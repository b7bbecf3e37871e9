"""Finding runs by name, and reading their reports through git and DVC, in a small repository."""

import shutil
import subprocess
import sys
from pathlib import Path

import pytest

from tests.support.committed import git
from tests.support.pages import DEFAULT, HEALTHY, METRICS, ORIGIN, PROBLEMS, png
from tests.support.small import merged
from vaeline.core.errors import VaelineError
from vaeline.core.files import write_json
from vaeline.diagnosis.finding import save_findings
from vaeline.experiments import compare

REPORT = Path("outputs/report")


def leave_report(beta: float, findings: list = HEALTHY) -> None:
    """Writes to the workspace what the report stage writes."""
    params = merged(DEFAULT, {"beta": beta})
    made = {"training": ORIGIN | {"seconds": 1.0}, "evaluation": ORIGIN}
    metrics = METRICS | {"evaluate/elbo": -beta}
    write_json(REPORT / "summary.json", {"metrics": metrics, "params": params, **made})
    save_findings(REPORT / "findings.json", findings)
    (REPORT / "plots").mkdir(exist_ok=True)
    (REPORT / "plots" / "samples.png").write_bytes(png())


def keep(name: str) -> None:
    """Makes an experiment of the workspace, whose report is in DVC's cache alone as a pipeline's is."""
    head = git("rev-parse", "HEAD")
    subprocess.run([sys.executable, "-m", "dvc", "add", "-q", str(REPORT)], check=True)
    git("add", "-A")
    rev = git("commit-tree", git("write-tree"), "-p", head, "-m", name)
    git("update-ref", f"refs/exps/{head[:2]}/{head[2:]}/{name}", rev)
    git("reset", "-q", "--hard")
    shutil.rmtree(REPORT)


@pytest.fixture(scope="module")
def repository(tmp_path_factory) -> Path:
    root = tmp_path_factory.mktemp("runs")
    with pytest.MonkeyPatch.context() as patch:
        patch.chdir(root)
        git("init", "-q")
        git("config", "user.name", "test")
        git("config", "user.email", "test@example.com")
        subprocess.run([sys.executable, "-m", "dvc", "init", "-q"], check=True)
        git("commit", "-qm", "nothing yet")
        leave_report(4.0, PROBLEMS)
        keep("beta=4")
        leave_report(2.0)
        keep("beta=2")
        leave_report(1.0)
    return root


@pytest.fixture
def here(repository, monkeypatch):
    monkeypatch.chdir(repository)


def test_runs_are_read_from_the_cache_and_from_the_workspace(here):
    runs = [compare.read_run(name) for name in ("beta=4", "beta=2", "workspace")]
    assert [run.params["beta"] for run in runs] == [4.0, 2.0, 1.0]
    assert [run.level for run in runs] == ["problem", "healthy", "healthy"]
    assert runs[0].findings == PROBLEMS
    assert runs[0].pictures == {"samples": png()}


def test_page_of_the_runs_is_written(here):
    place = compare.write_comparison(["beta=4", "workspace"])
    assert place == Path("reports/compare.html")
    assert "difference +3.00 ± 0.36" in " ".join(
        place.read_text().replace('<span class="notable">', "").split()
    )


@pytest.mark.parametrize(
    ("name", "line"),
    [
        ("beta=5", "there is no run 'beta=5'; the nearest are beta="),
        ("xyz", "there is no run 'xyz'; the nearest are workspace, HEAD, beta="),
        ("--all", "there is no run '--all'"),
        ("HEAD", "the run 'HEAD' has no report here (outputs/report): `dvc pull`"),
    ],
)
def test_run_that_does_not_exist_is_one_line(here, name, line):
    with pytest.raises(VaelineError) as caught:
        compare.write_comparison(["workspace", name])
    assert str(caught.value).startswith(line)
    assert "\n" not in str(caught.value)


def test_workspace_without_a_report_names_the_command_that_writes_it(here, tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    with pytest.raises(VaelineError, match="make repro"):
        compare.read_run("workspace")


def test_single_run_is_compared_with_the_committed_one():
    assert compare.runs_to_compare([]) == ["HEAD", "workspace"]
    assert compare.runs_to_compare(["beta=4"]) == ["HEAD", "beta=4"]
    assert compare.runs_to_compare(["HEAD"]) == ["HEAD", "workspace"]
    assert compare.runs_to_compare(["b", "a", "b"]) == ["b", "a"]

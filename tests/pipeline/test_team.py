"""Two clones that share a folder: what the one has run, the other does not run again."""

import subprocess

from tests.support.clone import Clone


def test_a_clone_that_pulls_runs_nothing(reproduced, tmp_path):
    shared = f"[core]\n    remote = team\n['remote \"team\"']\n    url = {tmp_path / 'store'}\n"
    second = Clone(tmp_path / "second")
    subprocess.run(["git", "clone", "-q", str(reproduced.root), str(second.root)], check=True)
    for clone in (reproduced, second):
        (clone.root / ".dvc/config.local").write_text(shared)
    try:
        reproduced.run("vaeline", "push")
    finally:
        (reproduced.root / ".dvc/config.local").unlink()
    second.run("dvc", "pull", "--run-cache")
    again = second.run("dvc", "repro")
    assert second.stages_run(again.stdout) == []
    assert second.metrics() == reproduced.metrics()
    assert list((second.root / ".dvc/cache/runs").rglob("*"))

"""A search with DVC's own experiments: stopped, resumed, and with a trial that is pruned."""

import subprocess
from pathlib import Path

import pytest
import yaml

from tests.support.tiny_pipeline import epochs_run, tiny_repository
from vaeline.experiments.find import params_with
from vaeline.experiments.search import search
from vaeline.experiments.search.display import Display

pytestmark = pytest.mark.pipeline


class NoRun:
    def __init__(self, *_):
        pass

    add = finish = __init__


def test_stopped_search_resumes_and_a_pruned_trial_is_an_experiment_of_its_own(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    for name in ("DVC_ROOT", "DVC_EXP_NAME"):
        monkeypatch.delenv(name, raising=False)
    monkeypatch.setenv("TINY_SECONDS", "0.6")
    monkeypatch.setattr(search, "SearchRun", NoRun)
    tiny_repository(epochs=12)
    space = {"params": {"beta": [0.5, 4.0]}, "sampler": "grid", "pruner": "asha", "reduction": 2}
    Path("space.yaml").write_text(yaml.safe_dump(space))

    def stop_at_three(display, job, progress):
        if progress.epoch >= 3:
            raise KeyboardInterrupt

    with monkeypatch.context() as stopped:
        stopped.setattr(Display, "show", stop_at_three)
        with pytest.raises(KeyboardInterrupt):
            search.search(Path("space.yaml"), (), "vaeline search space.yaml")
    before = epochs_run()
    assert 3 <= len(before) < 12
    table = search.search(Path("space.yaml"), (), "vaeline search space.yaml").table.set_index("beta")

    pruned = int(table.loc[4.0, "epochs"])
    assert table["state"].to_dict() == {0.5: "finished", 4.0: "pruned"}
    assert 2 <= pruned < 12
    once = [f"beta=0.5 {i}" for i in range(1, 13)] + [f"beta=4 {i}" for i in range(1, pruned + 1)]
    assert epochs_run() == once  # every epoch of every trial once, over two commands and a prune
    name = f"beta=4_stop_after={pruned}"
    assert table["experiment"].to_dict() == {0.5: "beta=0.5", 4.0: name}
    listed = subprocess.check_output(["git", "for-each-ref", "--format=%(refname)", "refs/exps"], text=True)
    assert {Path(line).name for line in listed.split() if "beta" in line} == {"beta=0.5", name}
    assert search.find(params_with(["beta=4"])) is None  # nobody takes it for the whole trial

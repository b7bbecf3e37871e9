import shutil
from pathlib import Path

import pytest
from dvc.repo import Repo

from tests.support.committed import dump
from vaeline.core.errors import VaelineError
from vaeline.experiments.remote import push_results, push_stages, set_remote


@pytest.fixture
def config(tmp_path, monkeypatch):
    """The configuration of an empty repository of DVC's."""
    root = tmp_path / "repository"
    root.mkdir()
    Repo.init(root, no_scm=True).close()
    monkeypatch.chdir(root)
    return root / ".dvc" / "config"


def test_a_folder_becomes_the_remote_to_which_experiments_are_pushed(config, tmp_path):
    set_remote("../store")
    with Repo() as repository:
        assert repository.config["core"]["remote"] == "team"
        assert repository.config["remote"]["team"]["url"] == str(tmp_path / "store")
        assert repository.config["exp"]["auto_push"] is True
    assert list((tmp_path / "store").iterdir()) == []


@pytest.mark.parametrize(
    ("address", "line"),
    [
        ("file/store", r"file/store: nothing can be written there \(NotADirectoryError: .*--endpoint"),
        ("s4://me:hidden@bucket", r"^s4://\*\*\*@bucket: nothing can be written there"),
        ("gs://bucket/store", r"^gs://bucket/store: DVC needs a package for gs: `pip install 'dvc\[gs\]'`"),
    ],
)
def test_a_storage_that_cannot_be_written_is_refused_in_one_line(config, address, line):
    (config.parents[1] / "file").touch()
    before = config.read_text()
    with pytest.raises(VaelineError, match=line) as raised:
        set_remote(address)
    assert "\n" not in str(raised.value)
    assert config.read_text() == before


def test_a_folder_outside_of_a_repository_is_refused(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    with pytest.raises(VaelineError, match="in no repository of DVC's"):
        set_remote("store")


STAGE = {
    "cmd": "cp source data && echo {} > metrics.json && echo once >> ../ran",
    "deps": ["source"],
    "outs": ["data"],
    "metrics": [{"metrics.json": {"cache": False}}],
}


def test_what_was_pushed_runs_nowhere_else_also_without_its_lock(config, tmp_path, monkeypatch):
    """The metrics are git's, and DVC keeps them for its run cache alone."""
    dump("dvc.yaml", {"stages": {"prepare": STAGE}})
    Path("source").write_text("rows")
    set_remote("../store")
    with Repo() as repository:
        repository.reproduce()
    assert push_results() == 2
    assert push_results() == 0
    other = tmp_path / "other"
    (other / ".dvc").mkdir(parents=True)
    for name in ("dvc.yaml", "source", ".dvc/config"):
        shutil.copy(name, other / name)
    monkeypatch.chdir(other)
    with Repo() as repository:
        repository.stage_cache.pull(None)
        repository.reproduce(pull=True)
    assert (other / "data").read_text() == "rows"
    assert (other / "metrics.json").read_text() == "{}\n"
    assert (tmp_path / "ran").read_text() == "once\n"


def test_outputs_that_were_removed_here_do_not_keep_others_from_the_storage(config):
    """`dvc gc` removes outputs of former runs, and leaves the run cache as it is."""
    dump(
        "dvc.yaml",
        {"stages": {"prepare": STAGE | {"cmd": "mkdir -p data && cp source data && echo {} > metrics.json"}}},
    )
    set_remote("../store")
    for rows in ("former", "present"):
        Path("source").write_text(rows)
        with Repo() as repository:
            repository.reproduce()
            if rows == "former":
                shutil.rmtree(".dvc/cache/files")
    assert push_stages() == 3  # a folder, the file in it, and the metrics
    assert push_results() == 0


def test_without_a_storage_or_a_repository_nothing_is_pushed(config, tmp_path, monkeypatch):
    with pytest.raises(VaelineError, match=r"^nothing could be pushed \(.*no remote.*\): `vaeline remote`"):
        push_results()
    monkeypatch.chdir(tmp_path)
    with pytest.raises(VaelineError, match=r"^nothing could be pushed \(.*not inside of a DVC repository"):
        push_results()

import shutil
from pathlib import Path

import pytest
from dvc.repo import Repo

from tests.support.committed import dump, git
from tests.support.tiny_pipeline import tiny_repository
from vaeline.core.errors import VaelineError
from vaeline.experiments.remote import fetch_outputs, push_experiment, push_results, push_stages, set_remote


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
        ("../file/store", r"file/store: nothing can be written there \(NotADirectoryError: .*may write to$"),
        ("", "^the address is empty: give a folder, or one such as s3://bucket/folder$"),
        ("store", "^store is in this repository, which others do not share: use another folder$"),
        ("s4://me:hidden@bucket", r"^s4://\*\*\*@bucket: nothing can be written there"),
        ("gs://bucket/store", r"^gs://bucket/store: DVC needs a package for gs: `pip install 'dvc\[gs\]'`"),
    ],
)
def test_a_storage_that_cannot_be_written_is_refused_in_one_line(config, address, line):
    (config.parents[2] / "file").touch()
    before = config.read_text()
    with pytest.raises(VaelineError, match=line) as raised:
        set_remote(address)
    assert "\n" not in str(raised.value)
    assert config.read_text() == before


def test_a_folder_outside_of_a_repository_is_refused(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    with pytest.raises(VaelineError, match="in no repository of DVC's"):
        set_remote("../store")


def test_an_endpoint_is_of_s3_alone(config, tmp_path):
    with pytest.raises(VaelineError, match=r"^--endpoint is of an S3 server, and /.*/store is on none"):
        set_remote("../store", endpoint="http://localhost:9000")


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
    with pytest.raises(VaelineError, match=r"^no storage is set to push to: `vaeline remote` sets one$"):
        push_results()
    monkeypatch.chdir(tmp_path)
    with pytest.raises(VaelineError, match=r"^nothing could be pushed \(.*not inside of a DVC repository"):
        push_results()


@pytest.fixture
def experiment(tmp_path, monkeypatch) -> str:
    """The name of an experiment on top of HEAD, as one that has come from another node."""
    (tmp_path / "repository").mkdir()
    monkeypatch.chdir(tmp_path / "repository")
    monkeypatch.delenv("DVC_EXP_AUTO_PUSH", raising=False)
    tiny_repository()
    head = git("rev-parse", "HEAD").strip()
    made = git("commit-tree", "HEAD^{tree}", "-p", head, "-m", "an experiment").strip()
    git("update-ref", f"refs/exps/{head[:2]}/{head[2:]}/elsewhere", made)
    return "elsewhere"


def test_an_experiment_of_another_node_is_pushed_where_all_are(experiment, tmp_path):
    git("init", "--quiet", "--bare", str(tmp_path / "origin"))
    git("remote", "add", "origin", str(tmp_path / "origin"))
    push_experiment(experiment)
    assert experiment not in git("ls-remote", "origin")
    set_remote("../store")
    push_experiment(experiment)
    assert git("ls-remote", "origin").endswith(f"/{experiment}")


def test_an_experiment_that_cannot_be_pushed_stays_and_one_line_says_so(experiment, capsys):
    set_remote("../store")
    push_experiment(experiment)
    (line,) = capsys.readouterr().err.splitlines()
    assert "experiments stay here: they cannot be pushed to origin" in line


def test_outputs_of_a_commit_come_from_the_storage(experiment):
    Path("data").write_text("data")
    with Repo() as repository:
        repository.add("data")
    git("add", "--all")
    git("commit", "--quiet", "--message", "data")
    revision = git("rev-parse", "HEAD")
    fetch_outputs([revision])  # there is no storage, so that they are here
    set_remote("../store")
    push_results()
    (cached,) = (path for path in Path(".dvc/cache/files").rglob("*") if path.is_file())
    shutil.rmtree(".dvc/cache")
    fetch_outputs([revision])
    assert cached.read_text() == "data"

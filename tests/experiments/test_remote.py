import pytest
from dvc.repo import Repo

from vaeline.core.errors import VaelineError
from vaeline.experiments.remote import set_remote


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

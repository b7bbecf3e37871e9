"""What nodes are given of a repository."""

import pytest

from tests.support.tiny_pipeline import tiny_repository
from vaeline.core.errors import VaelineError
from vaeline.experiments.search.sending import sent_repository


@pytest.fixture
def repository(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("MLFLOW_TRACKING_URI", "http://localhost:5000")
    tiny_repository()
    return tmp_path


def test_nodes_elsewhere_need_a_storage_or_a_shared_cache(repository):
    with pytest.raises(VaelineError, match=r"^models would stay on the nodes .*`vaeline remote s3://…`"):
        sent_repository()


def test_nodes_on_this_machine_share_the_repositorys_cache(repository):
    sent = sent_repository(here=True)
    assert sent.settings == f"[cache]\n    dir = {repository}/.dvc/cache\n"
    assert not sent.remote


def test_a_cache_that_was_chosen_stays(repository):
    settings = "[cache]\n    dir = /shared\n"
    (repository / ".dvc/config.local").write_text(settings)
    assert sent_repository(here=True).settings == sent_repository().settings == settings

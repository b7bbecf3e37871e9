import os

import pytest

from vaeline.tracking.runs import uploads
from vaeline.tracking.runs.store import Store
from vaeline.tracking.runs.uploads import TIMEOUT, time_to_upload


@pytest.fixture(autouse=True)
def _ten_seconds(monkeypatch):
    monkeypatch.setenv(TIMEOUT, "10")
    monkeypatch.setattr(uploads, "SLOWEST", 1000)


@pytest.mark.parametrize(("sizes", "seconds"), [((), 10), ((1,), 11), ((2000,), 12), ((300, 2001), 13)])
def test_a_request_may_take_longer_for_the_largest_file(tmp_path, sizes, seconds):
    for number, size in enumerate(sizes):
        (tmp_path / f"{number}.pt").write_bytes(bytes(size))
    with time_to_upload(tmp_path):
        assert os.environ[TIMEOUT] == str(seconds)
    assert os.environ[TIMEOUT] == "10"


def test_a_failed_upload_leaves_the_time_of_other_requests_as_it_was(tmp_path):
    (tmp_path / "large.pt").write_bytes(bytes(5000))
    with pytest.raises(TimeoutError), time_to_upload(tmp_path / "large.pt"):
        raise TimeoutError
    assert os.environ[TIMEOUT] == "10"


def test_the_store_gives_a_large_file_its_time(tmp_path):
    class Client:
        def log_artifact(self, *given):
            self.given = (*given, os.environ[TIMEOUT])

    (tmp_path / "large.pt").write_bytes(bytes(50_000))
    store = Store.__new__(Store)
    store.client = Client()
    store.upload("run", str(tmp_path / "large.pt"), "checkpoints")
    assert store.client.given == ("run", str(tmp_path / "large.pt"), "checkpoints", "60")

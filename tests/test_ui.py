import pytest

from vaeline import ui


def test_without_a_recorded_run_it_says_what_records_one(tmp_path, monkeypatch):
    monkeypatch.setenv("DVC_ROOT", str(tmp_path))
    with pytest.raises(SystemExit) as caught:
        ui.main()
    assert caught.value.code == "ui: no run is recorded here yet: `make repro` records the first"
    assert list(tmp_path.iterdir()) == []  # asking must not make an empty store

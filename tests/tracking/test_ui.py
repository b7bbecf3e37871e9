import json
from urllib.parse import parse_qs, urlparse

import pytest

from vaeline.core.errors import VaelineError
from vaeline.tracking.ui import RUNS_COMPARED, serve_ui, ui_links


def test_without_a_run_the_message_says_what_records_one(root):
    with pytest.raises(VaelineError, match="no run is recorded yet: `make repro` records the first"):
        serve_ui(5000)
    assert list(root.iterdir()) == []  # no empty store is made


def test_address_of_the_tracking_server_is_given(monkeypatch):
    monkeypatch.setenv("MLFLOW_TRACKING_URI", "http://someone:hidden@server:1234")
    with pytest.raises(VaelineError, match=r"http://\*\*\*@server:1234:"):
        serve_ui(5000)


def test_links_lead_to_the_newest_experiment_and_its_newest_runs(client):
    old, new = client.create_experiment("old"), client.create_experiment("new")
    runs = [client.create_run(new, start_time=100 + i).info.run_id for i in range(RUNS_COMPARED + 2)]
    client.create_run(old, start_time=1)
    printed = ui_links(client.tracking_uri, 5001)
    assert printed["Runs"] == f"http://127.0.0.1:5001/#/experiments/{new}/runs?workflowType=machine_learning"
    compared = parse_qs(urlparse(printed["Compare"]).fragment.partition("?")[2])
    assert json.loads(compared["runs"][0]) == runs[:1:-1]
    assert json.loads(compared["experiments"][0]) == [new]


def test_single_run_has_no_link_to_a_comparison(client):
    client.create_run(client.create_experiment("e"))
    assert ui_links(client.tracking_uri, 5000).keys() == {"Runs"}

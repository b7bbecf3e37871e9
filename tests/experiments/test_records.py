"""The record of a run, and that the committed ones are whole."""

import json
import math

import pytest

from tests.conftest import ROOT
from tests.support.measures import HEALTHY
from tests.support.records import summary
from vaeline.core.params import flatten_params
from vaeline.diagnosis.detection import run_detectors
from vaeline.evaluation.estimators.estimate import Estimate
from vaeline.evaluation.per_image import read_bounds
from vaeline.experiments.presets import preset_overrides
from vaeline.experiments.records import load_records, preset_record, record_name
from vaeline.experiments.results import RECORDS


def test_record_holds_params_data_commits_and_results(at_the_root):
    name = "fast-1l-vae-k1"
    record = preset_record(name, preset_overrides(name), summary(name))
    assert json.loads(json.dumps(record)) == record
    assert (record["data"], record["training"]) == ({"train_sha256": "ab"}, {"git.commit": "c"})
    assert record["evaluation"] == {"git.commit": "d"}
    assert (record["epochs"], record["seconds"]) == (500, 5400.0)
    assert record["results"]["nll"] == 86.5
    assert "elbo_of_another_stage" not in record["results"]


@pytest.mark.parametrize("worse", [{}, {"sharpness": 0.05}, {"late_gain": 0.02}, {"recall_ratio": 0.01}])
def test_detectors_find_in_a_record_what_they_found_in_the_run(at_the_root, worse):
    measured, name = HEALTHY | worse, "fast-1l-vae-k1"
    run = summary(name, **{f"diagnose/{measure}": value for measure, value in measured.items()})
    record = preset_record(name, preset_overrides(name), run)
    found = run_detectors(record["results"], record["params"])
    assert found == run_detectors(measured, run["params"])


def test_record_says_the_path_of_its_preset_not_that_of_a_machine(at_the_root):
    changes, run = {"data.path": "data/own"}, summary("fast-1l-vae-k1")
    elsewhere = run["params"] | {"data": run["params"]["data"] | {"path": "/home/me/data/own"}}
    record = preset_record("own", changes, run | {"params": elsewhere})
    assert record["params"]["data"]["path"] == "data/own"


def test_records_are_read_by_preset(tmp_path):
    (tmp_path / "one.json").write_text('{"epochs": 3}')
    assert load_records(tmp_path) == {"one": {"epochs": 3}}


@pytest.mark.parametrize("path", sorted((ROOT / RECORDS).glob("*.json")), ids=lambda path: path.stem)
def test_committed_record_is_whole(path):
    record = json.loads(path.read_text())
    seed = record["params"]["seed"]
    assert path.stem in (record["preset"], record_name(record["preset"], seed))
    assert record["training"]["git.dirty"] == "false"
    assert len(record["training"]["git.commit"]) == 40
    assert all(len(digest) == 64 for digest in record["data"].values())
    assert len(record["data"]) == 3
    assert math.isfinite(record["results"]["nll"])
    flattened = flatten_params(record["params"])
    assert {key: flattened[key] for key in record["overrides"]} == record["overrides"]


def test_committed_bounds_are_those_of_their_record():
    for path in (ROOT / RECORDS / "bounds").glob("*.npz"):
        results = json.loads((ROOT / RECORDS / f"{path.stem}.json").read_text())["results"]
        bounds = Estimate.of(read_bounds(path))
        assert (-bounds.mean, bounds.se) == pytest.approx((results["nll"], results["nll_se"]), abs=1e-3)
        assert path.stat().st_size < 40_000

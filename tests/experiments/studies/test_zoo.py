"""The zoo: what a row says, what runs, and that the committed page says what the records do."""

import json

import pytest

from tests.conftest import ROOT
from vaeline.config import TABLES
from vaeline.core.errors import VaelineError
from vaeline.experiments import preset_runs
from vaeline.experiments.presets import preset_config, preset_overrides
from vaeline.experiments.records import load_records
from vaeline.experiments.results import RESULTS
from vaeline.experiments.search import placement
from vaeline.experiments.search.jobs import Job, Progress
from vaeline.experiments.studies.zoo import BUDGET, ZooStudy

UNTRIED = {"data", "optimizer"}  # sections whose rows other pages try
ZOO = ZooStudy()


@pytest.fixture(autouse=True)
def _at_the_root(at_the_root):
    pass


def record(name: str, **results: object) -> dict:
    figures = {"elbo": -100.0, "elbo_se": 0.25, "iwae": -95.0, "iwae_se": 0.2, "iwae_k": 100}
    figures |= {"fid_classifier": 12.3, "fid_classifier_se": 0.4, "train_active_units_by_layer": "17"}
    return {"overrides": preset_overrides(f"zoo-{name}"), "results": figures | results, "seconds": 61.2}


def test_row_has_how_it_is_chosen_and_its_figures():
    row = ZOO.row("vamp", record("vamp"))
    assert row["chosen_by"] == "-S prior.name=vamp"
    page = ZOO.markdown([row])
    assert "| vamp | `-S prior.name=vamp` | Tomczak & Welling (2018), equation 9 |" in page
    assert "| -100.00 ± 0.25 | -95.00 ± 0.20 |  | 12.30 ± 0.40 |  | 17 | 61 s |" in page
    assert "bits_per_dim" not in row


def test_bits_a_dimension_are_in_the_row_of_a_record_that_has_them():
    row = ZOO.row("vamp", record("vamp", bits_per_dim=3.1, bits_per_dim_se=0.02))
    assert "| 3.100 ± 0.020 |" in ZOO.markdown([row])


def test_member_without_a_record_was_not_run():
    row = ZOO.row("vamp", None)
    assert row == {"name": "vamp", "chosen_by": "-S prior.name=vamp", "source": row["source"], "run": False}
    assert "| not run |" in ZOO.markdown([row])


def test_record_of_another_budget_is_refused():
    other = record("vamp") | {"overrides": {"epochs": 3}}
    with pytest.raises(VaelineError, match=r"zoo-vamp\.json was made before .* changed: vaeline zoo vamp$"):
        ZOO.row("vamp", other)


@pytest.fixture
def ran(monkeypatch, tmp_path) -> list[str]:
    """The presets that were started; zoo-vamp fails."""
    started: list[str] = []

    def run(jobs, executor, shorten, show):
        for job in jobs:
            started.append(job.name)
            yield (
                job,
                Progress(ended=True, reason="zoo-vamp failed: out of memory" * (job.name == "zoo-vamp")),
            )

    monkeypatch.setattr(placement, "run_jobs", run)
    monkeypatch.setattr(preset_runs, "preset_job", lambda name: Job(name, ()))
    monkeypatch.setattr(preset_runs, "write_preset_record", lambda name: None)
    monkeypatch.setattr("vaeline.experiments.study.RESULTS", tmp_path)
    return started


def test_unknown_name_is_refused_before_anything_runs(ran):
    with pytest.raises(VaelineError, match=r"there is no 'vapm': vae "):
        ZOO.run(["iaf", "vapm"])
    assert ran == []


def test_members_after_one_that_fails_run_and_the_page_is_written(ran, tmp_path, capsys):
    with pytest.raises(VaelineError, match="1 failed, the first: zoo-vamp failed: out of memory"):
        ZOO.run(["vamp", "iaf"])
    assert ran == ["zoo-vamp", "zoo-iaf"]
    said = capsys.readouterr()
    assert "out of memory" in said.err
    assert "zoo-vamp" not in said.out
    assert (tmp_path / "models.md").read_text() == ZOO.markdown(ZOO.rows())


def test_without_names_the_members_without_a_record_run(ran, monkeypatch):
    records = load_records()
    missing = {"zoo-vq", "zoo-iaf"}
    left = {name: record for name, record in records.items() if name not in missing}
    monkeypatch.setattr("vaeline.experiments.study.load_records", lambda: left)
    ZOO.run([])
    never_run = {f"zoo-{name}" for name in ZOO.members()} - records.keys()
    assert set(ran) == missing | never_run


def test_where_all_have_a_record_the_page_is_written_and_nothing_runs(ran, monkeypatch, capsys):
    everything = {f"zoo-{name}": record(name) for name in ZOO.members()}
    monkeypatch.setattr("vaeline.experiments.study.load_records", lambda: everything)
    ZOO.run([])
    assert ran == []
    n = len(everything)
    assert capsys.readouterr().out.endswith(f"{n} of {n} presets have a record\n")


NAMES = sorted(path.stem.removeprefix("zoo-") for path in (ROOT / "presets").glob("zoo-*.yaml"))


@pytest.mark.parametrize("name", NAMES)
def test_member_names_its_source_and_has_the_common_budget(name):
    config = preset_config(ZOO.prefix + name)
    assert config.notes
    assert config.epochs == preset_overrides(BUDGET)["epochs"]


def test_every_part_of_every_section_has_a_member():
    configs = [preset_config(ZOO.prefix + name) for name in ZOO.members()]
    for table in TABLES:
        if table.section not in UNTRIED:
            tried = {getattr(config, table.section).name for config in configs}
            assert tried == set(table), table.section


def test_committed_page_is_made_of_the_committed_records():
    rows = ZOO.rows()
    assert json.loads((RESULTS / "models.json").read_text()) == rows
    assert (RESULTS / "models.md").read_text() == ZOO.markdown(rows)

"""The page of the zoo: what a row says, and that the committed page says what the records do."""

import json
from pathlib import Path

import pytest

from vaeline.config import TABLES
from vaeline.core.errors import VaelineError
from vaeline.experiments import presets
from vaeline.experiments.studies import zoo

UNTRIED = {"data", "optimizer"}  # rooms whose rows other pages try


@pytest.fixture(autouse=True)
def _at_the_root(at_the_root):
    pass


def record(name: str, **results: object) -> dict:
    kept = {"elbo": -100.0, "elbo_se": 0.25, "iwae": -95.0, "iwae_se": 0.2, "iwae_k": 100}
    kept |= {"fid_classifier": 12.3, "fid_classifier_se": 0.4, "train_active_units_by_layer": "17"}
    return {"overrides": presets.preset_overrides(f"zoo-{name}"), "results": kept | results, "seconds": 61.2}


def test_a_row_says_how_it_is_chosen_and_what_came_of_it():
    row = zoo.row("vamp", record("vamp"))
    assert row["chosen_by"] == "-S prior.name=vamp"
    page = zoo.markdown([row])
    assert "| vamp | `-S prior.name=vamp` | Tomczak & Welling (2018), equation 9 |" in page
    assert "| -100.00 ± 0.25 | -95.00 ± 0.20 |  | 12.30 ± 0.40 |  | 17 | 61 s |" in page
    assert "bits_per_dim" not in row


def test_bits_a_dimension_are_shown_where_there_are_any():
    assert "| 3.100 ± 0.020 |" in zoo.markdown(
        [zoo.row("vamp", record("vamp", bits_per_dim=3.1, bits_per_dim_se=0.02))]
    )


def test_what_has_no_record_was_not_run():
    row = zoo.row("vamp", None)
    assert row == {"name": "vamp", "chosen_by": "-S prior.name=vamp", "source": row["source"], "run": False}
    assert "| not run |" in zoo.markdown([row])


def test_a_record_of_another_budget_is_not_shown():
    other = record("vamp") | {"overrides": {"epochs": 3}}
    with pytest.raises(VaelineError, match=r"zoo-vamp\.json is of another preset: make zoo NAME=vamp"):
        zoo.row("vamp", other)


def test_an_unknown_name_is_refused_before_anything_runs():
    with pytest.raises(VaelineError, match=r"NAME: there is no 'vapm' in the zoo \(known: vae "):
        zoo.main(["vapm"])


def test_one_that_fails_is_named_and_the_others_run(monkeypatch, tmp_path, capsys):
    started = []

    def run(name: str) -> None:
        started.append(name)
        if name == "zoo-vamp":
            raise VaelineError("zoo-vamp failed: out of luck")

    monkeypatch.setattr("vaeline.experiments.presets.run_preset", run)
    monkeypatch.setattr(zoo, "RESULTS", tmp_path)
    with pytest.raises(VaelineError, match="1 failed, first of all: zoo-vamp failed: out of luck"):
        zoo.main(["vamp", "iaf"])
    assert started == ["zoo-vamp", "zoo-iaf"]
    assert "out of luck" in capsys.readouterr().err
    assert (tmp_path / "models.md").is_file()


@pytest.mark.parametrize("name", zoo.names())
def test_an_entry_is_one_that_can_be_run_and_names_its_source(name):
    config = presets.config(presets.preset_overrides(zoo.PREFIX + name))
    assert config.notes
    assert config.epochs == presets.preset_overrides(zoo.BASE)["epochs"]


def test_every_part_of_every_room_has_an_entry():
    configs = [presets.config(presets.preset_overrides(zoo.PREFIX + name)) for name in zoo.names()]
    for table in TABLES:
        if table.section not in UNTRIED:
            tried = {getattr(config, table.section).name for config in configs}
            assert tried == set(table), table.section


def test_the_committed_page_is_what_the_committed_records_say():
    records = presets.recorded()
    rows = [zoo.row(name, records.get(zoo.PREFIX + name)) for name in zoo.names()]
    assert json.loads(Path("docs/results/models.json").read_text()) == rows
    assert Path("docs/results/models.md").read_text() == zoo.markdown(rows)

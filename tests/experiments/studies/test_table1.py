"""The table of published numbers: what a cell says, and that the committed page says what the records do."""

import json

import pytest

from tests.support.records import summary
from vaeline.core.errors import VaelineError
from vaeline.experiments.presets import preset_overrides
from vaeline.experiments.records import preset_record
from vaeline.experiments.results import RESULTS
from vaeline.experiments.studies.table1 import Table1Study

NAME = "fast-1l-vae-k1"
TABLE1 = Table1Study()


@pytest.fixture(autouse=True)
def _at_the_root(at_the_root):
    pass


def test_cells_are_ordered_by_family_layers_k_and_bound():
    cells = TABLE1.members()
    assert cells[:3] == ["burda-1l-vae-k1", "burda-1l-iwae-k1", "burda-1l-vae-k5"]
    assert cells.index("burda-1l-iwae-k50") < cells.index("burda-2l-vae-k1") < cells.index(NAME)
    assert cells[-3:] == ["short-1l-vae-k1", "short-1l-iwae-k5", "short-1l-iwae-k50"]


def test_record_becomes_a_row():
    row = TABLE1.row(NAME, preset_record(NAME, preset_overrides(NAME), summary(NAME)))
    assert row == {
        "preset": NAME, "published": 86.76, "nll": 86.5, "nll_se": 0.2, "active_units": "16+5", "epochs": 500,
        "seconds": 5400.0, "verdict": "pass",
    }  # fmt: skip
    assert f"| {NAME} | 86.76 | 86.50 ± 0.20 | 16+5 | 500 | 1 h 30 min | pass |" in TABLE1.markdown([row])


def test_cell_without_a_record_was_not_run():
    row = TABLE1.row("burda-1l-vae-k1", None)
    assert "| burda-1l-vae-k1 | 86.76 |  |  |  |  | not run |" in TABLE1.markdown([row])
    assert row.pop("preset") == "burda-1l-vae-k1"
    assert row.pop("published") == 86.76
    assert row.pop("verdict") == "not run"
    assert set(row.values()) == {None}


def test_record_of_another_protocol_is_refused():
    record = preset_record(NAME, preset_overrides(NAME) | {"epochs": 3}, summary(NAME))
    with pytest.raises(VaelineError, match=rf"before presets/{NAME}\.yaml changed: vaeline preset {NAME}$"):
        TABLE1.row(NAME, record)


def test_committed_page_is_made_of_the_committed_records():
    rows = TABLE1.rows()
    assert json.loads((RESULTS / "table1.json").read_text()) == rows
    assert (RESULTS / "table1.md").read_text() == TABLE1.markdown(rows)

"""docs/rooms.md names what there is, and nothing else."""

import re

import pytest

from tests.conftest import ROOT
from vaeline.config import TABLES

PAGE = (ROOT / "docs" / "rooms.md").read_text()


@pytest.mark.parametrize("table", TABLES, ids=lambda table: table.section)
def test_the_page_has_every_row_of_a_room_in_its_section(table):
    section = PAGE.partition(f"\n## {table.section}\n")[2].partition("\n## ")[0]
    assert set(re.findall(r"^\| `(\w+)` \|", section, flags=re.MULTILINE)) == set(table)


def test_the_readme_leads_there():
    assert "docs/rooms.md" in (ROOT / "README.md").read_text()

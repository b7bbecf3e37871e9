"""docs/guides/choosing_parts.md names what there is, and nothing else."""

import re

import pytest

from tests.docs.markdown import Page
from vaeline.config import TABLES

TEXT = Page("docs/guides/choosing_parts.md").text


@pytest.mark.parametrize("table", TABLES, ids=lambda table: table.section)
def test_the_page_has_every_row_of_a_table_in_its_section(table):
    section = TEXT.partition(f"\n## {table.section}\n")[2].partition("\n## ")[0]
    assert set(re.findall(r"^\| `(\w+)` \|", section, flags=re.MULTILINE)) == set(table)

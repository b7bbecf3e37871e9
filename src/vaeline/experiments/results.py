"""Where the project keeps its results: the generated pages, their pictures, and the records of presets."""

from pathlib import Path

RESULTS = Path("docs/results")
RECORDS = RESULTS / "records"
PICTURES = Path("docs/pictures")
PICTURES_LINK = "../pictures"
"""PICTURES as a page in RESULTS links to it."""

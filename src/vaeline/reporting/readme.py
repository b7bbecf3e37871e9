"""The figures and pictures of the last run in the README."""

import shutil
from pathlib import Path

from vaeline.core.errors import VaelineError
from vaeline.core.files import read_json, write_text
from vaeline.reporting.summary import headline_table

START, END = "<!-- figures of the last run: vaeline readme -->\n", "<!-- end of figures -->"


def update_readme(
    outputs: Path = Path("outputs"),
    readme: Path = Path("README.md"),
    pictures: Path = Path("docs/pictures"),
) -> None:
    """Copies the report's pictures, and writes its headline figures between the markers of the README.

    Args:
        outputs: Folder with the outputs of the stages.
        readme: File with the markers.
        pictures: Folder that the pictures are copied to.

    Raises:
        VaelineError: There is no report, or the README has no markers.
    """
    try:
        metrics = read_json(outputs / "report" / "summary.json")["metrics"]
    except FileNotFoundError as error:
        raise VaelineError(f"{error.filename}: no such file; `make repro` writes it") from None
    before, start, rest = readme.read_text().partition(START)
    _, end, after = rest.partition(END)
    if not (start and end):
        raise VaelineError(f"{readme}: needs the lines `{START.strip()}` and `{END}`")
    pictures.mkdir(parents=True, exist_ok=True)
    for picture in sorted(outputs.glob("report/plots/*.png")):
        shutil.copyfile(picture, pictures / picture.name)
    table = "\n".join(headline_table(metrics))
    write_text(readme, f"{before}{START}{table}\n{END}{after}")

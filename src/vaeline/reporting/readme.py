"""Shows the last run in the README: its pictures and its headline figures."""

import shutil
from pathlib import Path

from vaeline.core.errors import VaelineError
from vaeline.core.files import read_json, write_text
from vaeline.reporting.summary import headline_rows

START, END = "<!-- figures of the last run: vaeline readme -->\n", "<!-- end of figures -->"
OUTPUTS = Path("outputs")


def update_readme(readme: Path = Path("README.md"), pictures: Path = Path("docs/pictures")) -> None:
    """Copies the pictures of the report to `pictures`, and writes the figures between the README's marks.

    Raises:
        VaelineError: If there is no report.
    """
    try:
        metrics = read_json(OUTPUTS / "report" / "summary.json")["metrics"]
    except FileNotFoundError as error:
        raise VaelineError(f"{error.filename}: no such file; `make repro` writes it") from None
    pictures.mkdir(parents=True, exist_ok=True)
    for picture in sorted(OUTPUTS.glob("report/plots/*.png")):
        shutil.copyfile(picture, pictures / picture.name)
    before, rest = readme.read_text().split(START)
    after = rest.split(END)[1]
    table = "\n".join(["| | mean ± standard error |", "|---|---|", *headline_rows(metrics)])
    write_text(readme, f"{before}{START}{table}\n{END}{after}")

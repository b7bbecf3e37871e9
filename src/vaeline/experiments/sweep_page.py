"""A sweep's page of results: Markdown, the table as CSV, and a picture."""

from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

import pandas as pd
from matplotlib.figure import Figure

from vaeline.core.files import write_csv, write_figure, write_text
from vaeline.experiments.results import PICTURES, PICTURES_LINK, RESULTS
from vaeline.experiments.sweep import Sweep
from vaeline.experiments.tables import failed_points, made_by


@dataclass(frozen=True)
class SweepPage:
    """How the results of a sweep are shown.

    Attributes:
        name: The file name of the page, of its CSV file and of its picture.
        title: The heading of the page.
        tables: Returns the tables of a sweep in Markdown, and what their errors mean.
        picture: Returns the picture of a sweep's table, if the page has one.
    """

    name: str
    title: str
    tables: Callable[[Sweep], str]
    picture: Callable[[pd.DataFrame], Figure] | None = None

    def write(self, swept: Sweep) -> list[Path]:
        """Writes the page and what belongs to it, and returns the paths, the page first."""
        paths = [RESULTS / f"{self.name}.md", RESULTS / f"{self.name}.csv"]
        lines = [f"# {self.title}", ""]
        if self.picture:
            paths.append(PICTURES / f"{self.name}.png")
            write_figure(paths[-1], self.picture(swept.table))
            lines += [f"![{self.title}]({PICTURES_LINK}/{self.name}.png)", ""]
        lines += [self.tables(swept), "", made_by(swept), *failed_points(swept)]
        write_text(paths[0], "\n".join(lines) + "\n")
        write_csv(paths[1], swept.table)
        return paths

"""Rate and distortion over β (Alemi et al. 2018, "Fixing a Broken ELBO"): `make frontier`."""

from vaeline.core.files import write_csv, write_figure, write_text
from vaeline.core.params import param_text
from vaeline.experiments import sweep, tables
from vaeline.experiments.plots import frontier
from vaeline.experiments.results import PICTURES, PICTURES_LINK, RESULTS
from vaeline.experiments.sweep import Sweep

CAPTION = (
    "Nats an image on the test split, estimated at β = 1 whatever β was in training, so that "
    "ELBO = −(rate + distortion). ± is the standard error over images of one training: {images} images for "
    "the bounds, {fid_samples} a side for the Fréchet distances. Another seed can move a training by more; "
    "`make seeds` says by how much. *Real against real* is the floor of the Fréchet distance before it. "
    "Active units are a count, on the validation split."
)


def document(swept: Sweep) -> str:
    """Returns the table in Markdown, with what its errors mean and what made it."""
    names = tables.columns(swept.table)
    rows = [
        [param_text(row["beta"]), *(tables.table_cell(row, name) for name in names)]
        for row in swept.table.to_dict("records")
    ]
    lines = ["# Rate and distortion over β", "", f"![frontier]({PICTURES_LINK}/frontier.png)", ""]
    lines += [tables.markdown_table([["β", *names.values()], *rows]), ""]
    lines += [CAPTION.format(**swept.table.to_dict("records")[0]), "", tables.made_by(swept)]
    return "\n".join([*lines, *tables.not_in_the_table(swept)]) + "\n"


def write(swept: Sweep) -> str:
    """Writes table and picture to docs/results, and returns the table."""
    written = document(swept)
    write_text(RESULTS / "frontier.md", written)
    write_csv(RESULTS / "frontier.csv", swept.table)
    write_figure(PICTURES / "frontier.png", frontier(swept.table))
    return written


if __name__ == "__main__":
    sweep.command("frontier", "BETA", "0.25 0.5 1 2 4", write)

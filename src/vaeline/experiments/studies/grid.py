"""Any grid of params: one table of the headline metrics."""

from vaeline.experiments.sweep import Sweep
from vaeline.experiments.sweep_page import SweepPage
from vaeline.experiments.tables import metric_values, sweep_rows

GRID_CAPTION = (
    "Nats an image on the test split, estimated at β = 1 whatever β was in training, so that "
    "ELBO = −(rate + distortion). ± is the standard error over images of one training: {images} images for "
    "the bounds, {fid_samples} a side for the Fréchet distances. Another seed can change the results by "
    "more; `vaeline seeds` measures by how much. *Real against real* is the floor of the Fréchet distance "
    "before it. Active units are a count, on the validation split."
)


def grid_table(swept: Sweep) -> str:
    """Returns a row for each experiment, and what the errors mean."""
    return f"{sweep_rows(swept)}\n\n{GRID_CAPTION.format(**metric_values(swept.table))}"


GRID_PAGE = SweepPage("sweep", "Sweep", grid_table)

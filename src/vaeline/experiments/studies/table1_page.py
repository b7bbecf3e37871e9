"""The page of table 1: cells beside the published numbers, and the differences between them."""

import math
from collections import Counter
from collections.abc import Mapping, Sequence

from vaeline.evaluation.estimators.estimate import error_digits
from vaeline.experiments.markdown import markdown_table
from vaeline.experiments.studies.cells import BINARIZATION_SD, SeedSpread
from vaeline.experiments.studies.differences import RESOLVED, CellDifference
from vaeline.experiments.study import Row

DIFFERENCE_PICTURE = "table1.png"
AUTHORS_TEXT = """
Passes within 0.3 nats of the published number, on either side. `vaeline preset NAME` runs one, and resumes
one that was stopped; 3,280 epochs in batches of 20 are about ten million steps.

The presets do what the authors' code does: the optimizer (Adam with the moments from before their update,
so that the first step moves nothing), its schedule, gradients summed over the batch, the order of the images,
the split, a binarization at each use, the networks, log σ as their output, the initial weights bit for bit
(each layer is drawn from the seed 123), the bound in training and in test, and the count of active units.
What remains different:

- noise and binarization are drawn by another generator, and a pixel is 1 with a probability that is exact to
  2e-5;
- log σ² is kept within ±20;
- the log-probability of a pixel is computed from its logit;
- an update that is not finite is skipped;
- the two presets of k = 1 differ by their seed. The authors' two trainings were one and the same.
"""
FAMILIES = {
    "burda": (
        "The authors' protocol",
        AUTHORS_TEXT,
    ),
    "fast": (
        "A modern recipe",
        "The same model, data, bound and evaluation; passes at most 0.3 nats above the published number.",
    ),
    "short": (
        "The order at equal epochs",
        "The fast recipe stopped early, with nothing published to compare with, and scored with K = 1,000.",
    ),
}
CELL_HEADINGS = (
    *("preset", "trainings", "published", "NLL ± se (nats)", "NLL − published ± error", "active units"),
    *("epochs", "training time", "trained on", "verdict"),
)
TABLE1_TEXT = f"""# Table 1 of Burda, Grosse & Salakhutdinov (2016)

MNIST, binarized anew at each use; the test NLL in nats is −IWAE-5,000 on all 10,000 test images, binarized
once. Where a preset was trained with several seeds, it and the time are means over them. Active units:
Var[E[z|x]] > 0.01 over the first 500 training images, layer by layer, with z of the layer below drawn once.
`vaeline table1` writes this page from the records in `docs/results/records`; no number is typed.

What each error contains:

- *NLL ± se*: the standard error over test images, and with it their binarization. It is what another test
  set would change.
- *NLL − published ± error*: both numbers are of the same images, so that their choice does not count. The
  error is of the two draws of the binarization, {BINARIZATION_SD} nats each (measured), and of the seeds:
  those of our trainings, and the one of theirs.
- *Differences between cells* are of the same images in the same binarization, image by image, so that most
  of what is hard about an image cancels.
"""
DIFFERENCE_HEADINGS = (
    *("difference of NLL", "trainings", "published", "measured ± paired se", "± with seeds"),
    *("sign", "measured − published ± error", "size"),
)
DIFFERENCES_TEXT = """
### Differences between cells

One cell can pass for another: some published numbers are less than 0.3 nats apart. Differences tell them
apart. *Measured* is the mean over test images with its paired standard error, and *with seeds* adds what
other seeds would change in our trainings. The *sign* is resolved beyond {resolved} of these errors. The
*size* agrees if the measured difference is within {resolved} errors of the published one. That error contains
the seeds of both sides, and the paired standard error twice, as an upper limit of what the two binarizations
add. At k = 1 VAE and IWAE have the same bound, and their trainings are of one cell.
"""


def table1_markdown(
    rows: Sequence[Row],
    differences: Mapping[str, Sequence[CellDifference]],
    seeds: Mapping[str, SeedSpread],
) -> str:
    """Returns the page, with a section for each family.

    Args:
        rows: The rows of all cells.
        differences: The differences between the cells of each family that has any.
        seeds: How far apart trainings of one cell of each family end.
    """
    parts = [TABLE1_TEXT]
    if any(differences.values()):
        parts.append(f"![Measured differences beside published ones]({DIFFERENCE_PICTURE})\n")
    for family, (title, caption) in FAMILIES.items():
        cells = [_cells(row) for row in rows if row["preset"].startswith(f"{family}-")]
        parts.append(f"## {title}\n\n{caption.strip()}\n\n{markdown_table([CELL_HEADINGS, *cells])}\n")
        if any(row["trainings"] and row["published"] for row in rows if row["preset"].startswith(family)):
            parts.append(_of_seeds(seeds[family]))
        if of_family := differences.get(family):
            parts.append(_differences(of_family))
    return "\n".join(parts)


def _cells(row: Row) -> tuple[str, ...]:
    published = "" if row["published"] is None else f"{row['published']:.2f}"
    if row["nll"] is None:
        return row["preset"], "0", published, "", "", "", "", "", "", row["verdict"]
    hours, minutes = divmod(round(row["seconds"] / 60), 60)
    nll, time = f"{row['nll']:.2f} ± {row['nll_se']:.2f}", f"{hours} h {minutes:02d} min"
    distance = ""
    if row["distance"] is not None:
        distance = f"{signed(row['distance'])} ± {row['distance_error']:.2f}"
    took = str(row["epochs"]), time, row["trained_on"], row["verdict"]
    return row["preset"], str(row["trainings"]), published, nll, distance, row["active_units"], *took


def _of_seeds(seeds: SeedSpread) -> str:
    """Returns the sentence on the spread over seeds, or that it is not known."""
    if not seeds.freedom:
        return "No cell has two trainings: what seeds change is not known, and not in the errors above.\n"
    percent = 100 / math.sqrt(2 * seeds.freedom)
    return (
        f"Trainings of one cell differ by a standard deviation of {seeds.sd:.3f} nats over seeds, pooled "
        f"over cells with {seeds.freedom} degrees of freedom, and so known to about {percent:.0f} %.\n"
    )


def _differences(differences: Sequence[CellDifference]) -> str:
    signs = Counter(difference.sign for difference in differences)
    agreeing = sum(difference.agrees for difference in differences)
    return (
        f"{DIFFERENCES_TEXT.format(resolved=RESOLVED)}\n"
        f"{markdown_table([DIFFERENCE_HEADINGS, *map(_difference, differences)])}\n\n"
        f"Of {len(differences)} differences, {signs['as published']} have the published sign, "
        f"{signs['opposite']} have the opposite one, and {signs['not resolved']} are not resolved. "
        f"The size of {agreeing} agrees.\n"
    )


def _difference(difference: CellDifference) -> tuple[str, ...]:
    measured = difference.measured
    digits = max(2, error_digits(measured.se))
    return (
        f"{difference.end} minus {difference.start}",
        " and ".join(map(str, reversed(difference.trainings))),
        signed(difference.published),
        f"{signed(measured.mean, digits)} ± {measured.se:.{digits}f}",
        f"{difference.error:.{digits}f}",
        difference.sign,
        f"{signed(difference.distance)} ± {difference.distance_error:.2f}",
        "agrees" if difference.agrees else "differs",
    )


def signed(nats: float, digits: int = 2) -> str:
    """Returns a number with its sign, a minus being one."""
    return f"{nats:+.{digits}f}".replace("-", "−")

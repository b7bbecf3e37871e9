"""The page of the study of colour images, from its rows."""

from collections.abc import Mapping, Sequence
from typing import Any

from vaeline.evaluation.estimators.estimate import estimate_text
from vaeline.experiments.markdown import markdown_table
from vaeline.experiments.results import PICTURES_LINK
from vaeline.experiments.study import Row
from vaeline.provenance.commands import override_flags
from vaeline.reporting.summary import code_span, markdown_text

COLOUR_FIGURES = ("bits_per_dim", "rate", "fid_classifier")
CURE_FIGURES = ("bits_per_dim", "fid_classifier")
CURED = "-cured"
"""The end of the name of a member that does nothing but repeat another one with its first remedy."""
COLOUR_HEADINGS = (
    *("what", "chosen by", "bits a dimension", "rate, nats", "Fréchet", "units", "epochs", "training"),
    *("trained on", "findings", "first remedy"),
)
CURE_HEADINGS = (
    *("what", "found", "first remedy", "repeated as", "found with it", "cured"),
    *("bits a dimension", "Fréchet"),
)
COLOUR_TEXT = """# Colour images

{train} training and {test} test images of CIFAR-10 that had been stored as JPEG, which smooths them: no
figure here compares with a published one on the original pixels. Each row of the first table is one training
with one seed and {latents} latents, of as many epochs as half an hour of one CPU core is enough for, wherever
it was trained; `long` has more.

*Bits a dimension* are those of −IWAE-{k} on the test split, an upper bound on the bits of a level, with the
standard error over images. Densities (Gaussian, continuous Bernoulli) are of dequantized levels, so that they
compare with the masses of discretized logistics. The Fréchet distance is in the features of our own
classifier of these images. Findings are what the detectors say of the measures of a run. The budget ends
most trainings while they still improve, and more epochs, the remedy of underfitting, are beyond it: the last
column has the first remedy of the other problems.

"""
BASELINES_TEXT = """

## Without a VAE

What the same test images cost otherwise. A VAE should need fewer bits than independent pixels, and with
{latents} latents and a learned σ fewer than probabilistic PCA, which is a VAE with linear networks. A
continuous Bernoulli has no σ: with the best parameter for each value, as if z told it at no rate, it needs
what the table says, and no VAE with it can need less. The others stand here for orientation: a Gaussian with
a full covariance has {dims} directions and no latents.

"""
CURES_TEXT = """

## The first remedies

Trainings with a problem other than underfitting, repeated with the first remedy of their diagnosis, in as
many epochs as the budget then has. *Cured* says whether that problem is gone.

"""
SAMPLES_TEXT = "\n\n## Samples\n\n"
BELOW_TABLES = """
`vaeline colour` runs what has no record, and writes this page from `docs/results/records`; with `--seeds 4`
it counts findings. No number is typed. The images are a folder `data/cifar10-jpeg` with `train/CLASS` and
`test/CLASS`, which is not part of the repository.
"""


def colour_markdown(
    rows: Sequence[Row], over_seeds: str, baselines: Mapping[str, Any], facts: Mapping[str, Any]
) -> str:
    """Returns the page.

    Args:
        rows: of all members.
        over_seeds: the part on findings with other seeds.
        baselines: bits a dimension of what needs no VAE, with their errors.
        facts: what the texts say of data and budget.
    """
    budgeted = [row for row in rows if not row["name"].endswith(CURED)]
    return "".join(
        [
            COLOUR_TEXT.format(**facts),
            markdown_table([COLOUR_HEADINGS, *map(_cells, budgeted)]),
            *_cures({row["name"]: row for row in rows}),
            over_seeds,
            BASELINES_TEXT.format(**facts),
            markdown_table([("what", "bits a dimension"), *_baseline_cells(baselines)]),
            *_pictures(rows),
            BELOW_TABLES,
        ]
    )


def picture_of(member: str) -> str:
    """Returns the file name of a member's samples."""
    return f"colour-{member}.png"


def _cells(row: Row) -> tuple[str, ...]:
    description = row["name"], row["chosen_by"] and code_span(row["chosen_by"])
    if not row["run"]:
        return *description, "not run", *[""] * (len(COLOUR_HEADINGS) - len(description) - 1)
    figures = [_figure(row, name) for name in COLOUR_FIGURES]
    remedy = _remedy_text(row)
    found = [name.replace("_", " ") for name, f in row["findings"].items() if f["level"] == "problem"]
    trained = row["active_units"], f"{row['epochs']:.0f}", f"{row['seconds'] / 60:.1f} min", row["trained_on"]
    return *description, *figures, *trained, ", ".join(found) or "none", remedy


def _figure(row: Row, name: str) -> str:
    return estimate_text(row, name) if name in row else "not run"


def _remedy_text(row: Row) -> str:
    return code_span(override_flags(row["remedy"]["changes"])) if row["remedy"] else ""


def _cures(rows: Mapping[str, Row]) -> list[str]:
    """Returns the table of members that were repeated with their first remedy, if any were."""
    repeated = [(row, rows[row["repeated_by"]]) for row in rows.values() if row["repeated_by"]]
    cells = [_cure_cells(before, after) for before, after in repeated if after["run"]]
    return [CURES_TEXT, markdown_table([CURE_HEADINGS, *cells])] if cells else []


def _cure_cells(before: Row, after: Row) -> tuple[str, ...]:
    problem = before["remedy"]["of"]
    findings = before["findings"][problem], after["findings"][problem]
    was, is_now = (markdown_text(finding["says"]) for finding in findings)
    changes = [" → ".join(_figure(row, name) for row in (before, after)) for name in CURE_FIGURES]
    cured = "no" if findings[1]["level"] == "problem" else "yes"
    return before["name"], was, _remedy_text(before), after["name"], is_now, cured, *changes


def _baseline_cells(bits: Mapping[str, Any]) -> list[tuple[str, str]]:
    names = sorted((name for name in bits if not name.endswith("_se")), key=bits.__getitem__, reverse=True)
    return [(name, estimate_text(bits, name)) for name in names]


def _pictures(rows: Sequence[Row]) -> list[str]:
    pictures = [_picture(row["name"]) for row in rows if row["run"]]
    return [SAMPLES_TEXT, *pictures] if pictures else ["\n"]


def _picture(member: str) -> str:
    return f"{member}:\n\n![Samples of {member}]({PICTURES_LINK}/{picture_of(member)})\n\n"

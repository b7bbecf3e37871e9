"""β-VAE beside VAE on sprites, over seeds: how well each disentangles the factors, and at what cost."""

import math
import statistics
from collections.abc import Mapping, Sequence
from typing import Any

import dvc.api

from vaeline.core.files import replacing
from vaeline.evaluation.estimators.estimate import estimate_text
from vaeline.experiments.markdown import markdown_table
from vaeline.experiments.presets import preset_config
from vaeline.experiments.records import PresetRecord
from vaeline.experiments.results import PICTURES, PICTURES_LINK
from vaeline.experiments.study import Row, Study

SPRITES = "sprites"
"""The preset that all others extend."""
SPRITES_FIGURES = {
    "mig": "MIG",
    "sap": "SAP",
    "dci_disentanglement": "DCI, disentanglement",
    "dci_completeness": "DCI, completeness",
    "dci_informativeness": "DCI, informativeness",
    "beta_vae_score": "β-VAE score",
    "factor_vae_score": "FactorVAE score",
    "elbo": "ELBO, nats",
    "rate": "Rate, nats",
    "distortion": "Distortion, nats",
}
SPRITES_PICTURES = {"traversals": "Traversals", "factors": "What each latent says of each factor"}
"""The pictures of a report that the page shows."""
SPRITES_TEXT = """# β-VAE and VAE on sprites

Both are one network and one budget, {epochs} epochs on {train} drawn shapes, and differ in β alone, the
weight of the KL: {kinds}. Scores are of the means of q(z|x) on {valid} other images against the factors that
all were drawn from ({factors}), between 0 and 1, the higher the better. Bounds are in nats an image on the
test split, at β = 1 whatever β was in training, so that ELBO = −(rate + distortion).

"""
COMPARED = """

Mean ± its standard error over {n} trainings that differ by seed alone. *Difference* is that of the last
column to the first; its error is that of both together.
"""
COMPARED_UNCERTAINTY = "From so few, an error is itself known to about {percent:.0f} %.\n"
EACH = """
## Each training

± is the standard error over images of one training, without what another seed would change.

"""
BELOW = """
`vaeline sprites` runs what has no record, and writes this page from `docs/results/records`; no number is
typed.
"""


class SpritesStudy(Study):
    """The presets sprites-KIND-SEED: the plain VAE first."""

    command = "sprites"
    page = "sprites"
    prefix = "sprites-"

    def order(self, member: str) -> tuple[Any, ...]:
        """Returns whether it is not the plain VAE, and the name."""
        return kind(member) != "vae", member

    def description(self, member: str, changes: Mapping[str, Any]) -> Row:
        """Returns β and the paper that it comes from."""
        return {"name": member, "beta": preset_config(self.prefix + member).beta, "source": changes["notes"]}

    def outcome(self, record: PresetRecord | None) -> Row:
        """Returns the figures with their standard errors over images, and the time."""
        if record is None:
            return {"run": False}
        figures = {key + end: record["results"][key + end] for key in SPRITES_FIGURES for end in ("", "_se")}
        return {"run": True, **figures, "seconds": record["seconds"]}

    def markdown(self, rows: Sequence[Row]) -> str:
        """Returns the page; the kinds are compared as soon as each has run."""
        kinds = {kind(row["name"]): row for row in rows}
        groups = {name: [r for r in rows if kind(r["name"]) == name and r["run"]] for name in kinds}
        table = markdown_table([["", *SPRITES_FIGURES.values(), "training"], *map(_each, rows)])
        comparison = _comparison(groups) if all(groups.values()) else ""
        return "".join([_introduction(kinds), comparison, EACH, table, "\n", BELOW])

    def finish(self, member: str) -> None:
        """Copies the pictures of the first seed of each kind from its experiment, and writes the page."""
        if member == min(name for name in self.members() if kind(name) == kind(member)):
            for what in SPRITES_PICTURES:
                source = f"outputs/report/plots/{what}.png"
                content = dvc.api.read(source, rev=self.prefix + member, mode="rb")
                with replacing(PICTURES / picture_name(kind(member), what)) as path:
                    path.write_bytes(content)
        super().finish(member)


def kind(member: str) -> str:
    """Returns KIND of KIND-SEED."""
    return member.rpartition("-")[0]


def picture_name(name: str, what: str) -> str:
    """Returns the file name of a picture of the kind `name`."""
    return f"sprites-{name}-{what}.png"


def over_seeds(rows: Sequence[Row], figure: str) -> tuple[float, float]:
    """Returns mean and standard error of a figure over trainings; the error is NaN for a single one."""
    values = [row[figure] for row in rows]
    error = statistics.stdev(values) / math.sqrt(len(values)) if len(values) > 1 else math.nan
    return statistics.fmean(values), error


def _introduction(kinds: Mapping[str, Row]) -> str:
    budget = preset_config(SPRITES).to_dict()
    data = budget["data"]
    betas = ", ".join(f"{name} has β = {row['beta']:g} ({row['source']})" for name, row in kinds.items())
    grid = {"shape": 3} | data["sprites"]
    factors = ", ".join(f"{name} with {count} values" for name, count in grid.items() if count > 1)
    return SPRITES_TEXT.format(
        epochs=budget["epochs"], train=f"{data['train_size']:,}", valid=f"{data['valid_size']:,}",
        factors=factors, kinds=betas,
    )  # fmt: skip


def _comparison(groups: Mapping[str, Sequence[Row]]) -> str:
    n = min(map(len, groups.values()))
    uncertainty = COMPARED_UNCERTAINTY.format(percent=100 / math.sqrt(2 * n - 2)) if n > 1 else ""
    lines = [["", *groups, "Difference"]]
    for figure, heading in SPRITES_FIGURES.items():
        estimates = [over_seeds(rows, figure) for rows in groups.values()]
        (first, first_error), (last, last_error) = estimates[0], estimates[-1]
        estimates.append((last - first, math.hypot(first_error, last_error)))
        lines.append([heading, *(_cell(mean, error) for mean, error in estimates)])
    return "".join([markdown_table(lines), COMPARED.format(n=n), uncertainty, *_pictures(list(groups))])


def _cell(mean: float, error: float) -> str:
    values = {"mean": mean} | ({} if math.isnan(error) else {"mean_se": error})
    return estimate_text(values, "mean")


def _each(row: Row) -> list[str]:
    if not row["run"]:
        return [row["name"], "not run", *[""] * len(SPRITES_FIGURES)]
    return [
        row["name"],
        *(estimate_text(row, figure) for figure in SPRITES_FIGURES),
        f"{row['seconds']:.0f} s",
    ]


def _pictures(kinds: Sequence[str]) -> list[str]:
    parts = ["\n"]
    for what, title in SPRITES_PICTURES.items():
        headings = [f"{title}, {name}" for name in kinds]
        links = [f"![{title}]({PICTURES_LINK}/{picture_name(name, what)})" for name in kinds]
        parts.append(markdown_table([headings, links]) + "\n\n")
    return parts

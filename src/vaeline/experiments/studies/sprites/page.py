"""The page of the study: on test, what is best on valid of each method; and all weights."""

import math
from pathlib import Path

import pandas as pd

from vaeline.core.files import write_figure, write_text
from vaeline.data.catalog import DATASETS
from vaeline.evaluation.estimators.estimate import error_digits
from vaeline.experiments.markdown import markdown_table
from vaeline.experiments.presets import preset_config
from vaeline.experiments.results import PICTURES, PICTURES_LINK, RESULTS
from vaeline.experiments.studies.sprites.cell import SPRITES
from vaeline.experiments.studies.sprites.floor import ROTATION, ROTATIONS
from vaeline.experiments.studies.sprites.grid import GRID_METHODS, Method, grid_cells
from vaeline.experiments.studies.sprites.picture import sprites_figure

TEST_FIGURES = {
    "rate": "rate, nats",
    "mig": "MIG of means",
    "mig_sampled": "MIG of drawn z",
    "sap_svm": "SAP, SVM",
    "dci_disentanglement_boosted": "DCI D, boosted",
    "dci_completeness_boosted": "DCI C, boosted",
    "beta_vae_score": "β-VAE score",
    "factor_vae_score": "FactorVAE score",
    "elbo": "ELBO, nats",
}
SPRITES_PAGE = """# Disentanglement on sprites

Which objective gives each factor a latent dimension of its own, and at which weight? {train:,} images of
{side}×{side} pixels, of a grid of {factors}; {latents} latents, {epochs} epochs ({steps:,} updates).
The trainings differ in objective, weight and seed alone.

log {train:,} = {information:.2f} nats tell {train:,} training images apart. A rate above that is not about
which image it is, and leaves open how z mixes the factors.

![MIG and rate over the weight of each method]({picture})

On valid: a dot is a training, the line joins the means over seeds. The floor is a perfect code rotated at
random, which holds every factor and separates none: mean ± standard deviation of {rotations} rotations.

## Selected on valid, measured on test

Of each method the weight with the highest mean MIG on valid. Mean ± standard deviation over trainings that
differ by seed; the error of a score over the {test:,} test images comes on top.

{selected}

*MIG of means* is that of Locatello et al. (2019), *MIG of drawn z* that of Chen et al. (2018); *SAP, SVM*
and *DCI, boosted* have the predictors of Locatello et al. (2019). With so few images all of them are too
high, the floor included: compare within this page. Rate and ELBO are at β = 1, whatever the weights were in
training.

## All weights

On valid, mean ± standard deviation over trainings.

{every}

{done} of {cells} trainings are recorded, {on_gpu} of them made on a GPU, which draws other noise.
`vaeline sprites` runs those that are missing, {seconds} of one CPU core each, and writes this page from
`docs/results/sprites.csv`; no number is typed. The presets `dsprites-…` have the published setting, with
{published:,} training images: `vaeline preset dsprites-beta-vae` takes a GPU.
"""
PUBLISHED_PRESET = "dsprites-vae"


def write_sprites_page(table: pd.DataFrame) -> list[Path]:
    """Writes the page of the recorded rows and its picture, and returns the paths of both."""
    page, picture = RESULTS / "sprites.md", PICTURES / "sprites.png"
    write_figure(picture, sprites_figure(table, information()))
    write_text(page, sprites_page(table))
    return [page, picture]


def sprites_page(table: pd.DataFrame) -> str:
    """Returns the page; a method without a training is left out."""
    config = preset_config(SPRITES).to_dict()
    data = config["data"]["sprites"]
    train, valid = image_counts()
    grid = {"shape": 3} | {name: data[name] for name in ("scale", "orientation", "x", "y")}
    trained = table[table["method"] != ROTATION]
    return SPRITES_PAGE.format(
        train=train, test=valid, side=data["side"], latents=config["latent_dim"], epochs=config["epochs"],
        factors=", ".join(f"{count} values of {name}" for name, count in grid.items() if count > 1),
        steps=config["epochs"] * math.ceil(train / config["batch_size"]),
        published=image_counts(PUBLISHED_PRESET)[0], information=information(),
        picture=f"{PICTURES_LINK}/sprites.png", rotations=ROTATIONS,
        selected=_selected_table(table), every=_every_table(table),
        seconds=_cpu_time(trained), on_gpu=int((trained["device"] == "cuda").sum()), done=len(trained),
        cells=len(list(grid_cells(GRID_METHODS))),
    )  # fmt: skip


def information() -> float:
    """Returns log N in nats, of the N training images."""
    return math.log(image_counts()[0])


def image_counts(preset: str = SPRITES) -> tuple[int, int]:
    """Returns the number of training images, and that of validation images, equal to that of test images."""
    dataset = DATASETS.build(preset_config(preset).to_dict()["data"], raw=None)
    return dataset.train_size, dataset.valid_size


def best_weight(table: pd.DataFrame, method: Method) -> float | None:
    """Returns the weight with the highest mean MIG on valid; None without a training."""
    means = table[table["method"] == method.name].groupby("weight")["valid_mig"].mean()
    return None if means.empty else float(means.index[int(means.argmax())])


def spread_text(values: "pd.Series[float]") -> str:
    """Returns `mean ± standard deviation`, the mean alone of one value, and a dash for none."""
    series = values.astype(float).dropna()
    if series.empty:
        return "–"
    deviation = series.std(ddof=1) if len(series) > 1 else 0.0
    digits = min(3, error_digits(deviation)) if deviation > 0 else 3
    spread = f" ± {deviation:.{digits}f}" if len(series) > 1 else ""
    return f"{series.mean():.{digits}f}{spread}"


def _cpu_time(trained: pd.DataFrame) -> str:
    """Returns what a training takes on one CPU core, of those that were made on one."""
    seconds = trained.loc[trained["device"] == "cpu", "seconds"].median()
    return "not measured" if pd.isna(seconds) else f"{seconds:.0f} s"


def _selected_table(table: pd.DataFrame) -> str:
    rows = [["", "weight", "seeds", *TEST_FIGURES.values()]]
    rows.append(_row("floor: rotated perfect code", "", table[table["method"] == ROTATION]))
    plain = table[(table["method"] == GRID_METHODS[0].name) & (table["weight"] == 1)]
    rows.append(_row("VAE (Kingma & Welling 2014)", "", plain))
    for method in GRID_METHODS:
        if (weight := best_weight(table, method)) is not None:
            of = table[(table["method"] == method.name) & (table["weight"] == weight)]
            rows.append(_row(method.title, f"{method.symbol} = {weight:g}", of))
    return markdown_table(rows)


def _row(title: str, weight: str, of: pd.DataFrame) -> list[str]:
    cells = [spread_text(of[name]) if name in of else "–" for name in TEST_FIGURES]
    return [title, weight, str(len(of)), *cells]


def _every_table(table: pd.DataFrame) -> str:
    rows = [["method", "weight", "trainings", "MIG of means", "rate, nats"]]
    for method in GRID_METHODS:
        for weight, of in table[table["method"] == method.name].groupby("weight"):
            figures = spread_text(of["valid_mig"]), spread_text(of["valid_rate"])
            rows.append([method.title, f"{method.symbol} = {weight:g}", str(len(of)), *figures])
    return markdown_table(rows)

"""How well each score of a trained model tells outliers from test images."""

import math
from collections.abc import Callable, Mapping
from typing import Any

import numpy as np
import torch
from matplotlib.figure import Figure
from scipy.stats import rankdata

from vaeline.core.errors import VaelineError
from vaeline.core.files import write_figure, write_json, write_text
from vaeline.core.progress import bar
from vaeline.evaluation.estimators.estimate import Estimate
from vaeline.evaluation.trained import TrainedModel
from vaeline.experiments.results import RESULTS
from vaeline.experiments.studies.outliers import OUTLIERS
from vaeline.reporting.plots.palette import PALETTE
from vaeline.reporting.plots.style import figure, styled
from vaeline.serving.reading import Batch
from vaeline.serving.reference import needed_training_data, spread_over
from vaeline.serving.scores import Scorer, expected_log_likelihood

COMMAND = "vaeline anomalies"
K, DRAWS = 100, 10
SEED = 0
SHOWN = ("shapes", "left halves of digits", "single dots")
SHOWN_SHARE = 0.98
"""Quantile of the bounds of each kind that the histogram reaches to; its last bars hold what is beyond."""

ANOMALY_SCORES: Mapping[str, Callable[[np.ndarray], np.ndarray]] = {
    f"−IWAE-{K}": lambda scores: -scores["iwae"],
    "distortion": lambda scores: scores["distortion"],
    "rate": lambda scores: scores["rate"],
    "squared error": lambda scores: scores["mse"],
    "typicality": lambda scores: scores["typicality"],
    "−log p less complexity": lambda scores: scores["nll_minus_complexity"],
}
"""What is the higher, the more unusual an image is, of the table of `Scorer.score`."""

AnomalyRow = dict[str, Any]


def auroc(normal: np.ndarray, unusual: np.ndarray) -> Estimate:
    """Returns the area under the ROC curve of scores [N] and [M] with its standard error over images.

    P(unusual > normal) + ½ P(unusual = normal), and the error of DeLong, DeLong & Clarke-Pearson (1988).
    """
    n, m = len(normal), len(unusual)
    ranks = rankdata(np.concatenate([normal, unusual]))
    below = (ranks[n:] - rankdata(unusual)) / n  # for each unusual one, the share of normal ones below it
    above = 1 - (ranks[:n] - rankdata(normal)) / m
    error = math.sqrt(below.var(ddof=1) / m + above.var(ddof=1) / n)
    return Estimate(float(below.mean()), error)


def measure_anomalies(trained: TrainedModel, count: int) -> tuple[list[AnomalyRow], dict[str, np.ndarray]]:
    """Returns a row for each kind of outlier, and the bounds on log p(x) of all of them and of test images.

    Args:
        trained: The model; the data that it was trained on are prepared.
        count: Test images, and outliers of each kind.

    Raises:
        VaelineError: The model takes labels or other data than square grey images, or its data are not here.
    """
    _check_takes_outliers(trained)
    torch.manual_seed(SEED)
    images = np.array(spread_over(needed_training_data(trained, COMMAND).test, count).values)
    scorer = Scorer(trained, K, DRAWS, expected_log_likelihood(trained, K, DRAWS))
    normal = _scores(scorer, images)
    rows, bounds = [], {"test images": normal["iwae"]}
    for name, outliers in bar(OUTLIERS.items(), desc="outliers", unit="kind"):
        unusual = _scores(scorer, outliers(images, np.random.default_rng(SEED)))
        areas = {score: auroc(of(normal), of(unusual)) for score, of in ANOMALY_SCORES.items()}
        bounds[name] = unusual["iwae"]
        rows.append({"outliers": name, "iwae": Estimate.of(torch.from_numpy(unusual["iwae"]))} | areas)
    return rows, bounds


def write_anomalies(trained: TrainedModel, count: int) -> None:
    """Writes the page of results, its rows as JSON and its picture, and prints where."""
    rows, bounds = measure_anomalies(trained, count)
    page = RESULTS / "anomalies.md"
    typical = Estimate.of(torch.from_numpy(bounds["test images"]))
    write_text(page, anomalies_page(rows, typical, count, _model_name(trained)))
    write_json(page.with_suffix(".json"), [_plain(row) for row in rows])
    write_figure(page.with_suffix(".png"), bounds_figure(bounds))
    print(f"Wrote {page}, {page.with_suffix('.json')}, {page.with_suffix('.png')}")


def anomalies_page(rows: list[AnomalyRow], typical: Estimate, count: int, model: str) -> str:
    """Returns the page: a row for each kind of outlier, a column for each score of the `model` so called."""
    head = ["outliers", f"IWAE-{K}, nats", *ANOMALY_SCORES]
    lines = [f"| {' | '.join(head)} |", f"| {' | '.join(['---'] * len(head))} |"]
    for row in rows:
        bound = f"{row['iwae'].mean:.1f} ± {row['iwae'].se:.1f}"
        areas = [f"{row[score].mean:.3f} ± {row[score].se:.3f}" for score in ANOMALY_SCORES]
        lines.append(f"| {' | '.join([row['outliers'], bound, *areas])} |")
    table = "\n".join(lines)
    return f"""# Anomalies

How well each score of a model ({model}) tells {count} outliers of each kind from {count} test
images, whose IWAE-{K} is {typical.mean:.1f} ± {typical.se:.1f} nats: the area under the ROC curve (AUROC)
with its standard error over images. 1 separates them, 0.5 is chance, and below 0.5 the outliers look the more
normal of the two.

{table}

![Bounds on log p(x) of test images and of outliers](anomalies.png)

`vaeline anomalies` writes this page. [Finding anomalies](../guides/anomalies.md) says what to make of it.
"""


@styled
def bounds_figure(bounds: Mapping[str, np.ndarray]) -> Figure:
    """Returns histograms of the bounds on log p(x) of test images and of some outliers."""
    fig = figure(7.0, 3.2)
    axes = fig.add_subplot()
    shown = ("test images", *SHOWN)
    low, high = np.quantile([bounds[name] for name in shown], [1 - SHOWN_SHARE, SHOWN_SHARE], axis=1)
    bins = np.linspace(low.min(), high.max(), 76).tolist()
    for name, colour in zip(shown, PALETTE, strict=False):
        values = bounds[name].clip(bins[0], bins[-1])
        axes.hist(values, bins, density=True, alpha=0.55, color=colour, label=name)
    axes.set(xlabel=f"IWAE-{K}, a lower bound on log p(x), nats", yticks=[])
    axes.set_title("Test images and outliers; the outermost bars hold all beyond", fontsize=11, loc="left")
    axes.legend(loc="upper left")
    return fig


def _check_takes_outliers(trained: TrainedModel) -> None:
    shape, model = trained.event_shape, trained.model
    square = len(shape) == 3 and shape[0] == 1 and shape[1] == shape[2]
    if square and model.scaling.dtype == "uint8" and not trained.classes:
        return
    labels = " given labels" if trained.classes else ""
    raise VaelineError(
        "outliers are square grey images of levels, without labels, and this model takes values of "
        f"{model.scaling.dtype} and shape {list(shape)}{labels}: score yours, `vaeline score INPUT`"
    )


def _model_name(trained: TrainedModel) -> str:
    config, data = trained.model.config, needed_training_data(trained, COMMAND)
    return f"{config['model']['name']} on {data.name}, {config['epochs']} epochs"


def _scores(scorer: Scorer, images: np.ndarray) -> np.ndarray:
    names = [str(row) for row in range(len(images))]
    return scorer.score(Batch(names, images, None, scorer.trained.model.scaling))


def _plain(row: AnomalyRow) -> AnomalyRow:
    estimates = {key: value for key, value in row.items() if isinstance(value, Estimate)}
    means = {key: value.mean for key, value in estimates.items()}
    errors = {f"{key}_se": value.se for key, value in estimates.items()}
    return {"outliers": row["outliers"]} | means | errors

"""Pictures with axes: curves of training, KL per dimension, bounds over K, maps of latents."""

from collections.abc import Sequence

import numpy as np
import pandas as pd
from matplotlib.figure import Figure

from vaeline.core.nouns import IMAGE, Noun
from vaeline.reporting.plots.palette import PALETTE
from vaeline.reporting.plots.style import figure, styled


@styled
def training_curves(history: pd.DataFrame, noun: Noun = IMAGE) -> Figure:
    """Returns loss, reconstruction and KL over epochs, for training and validation, in nats per example."""
    fig = figure(9.0, 3.2)
    for axes, name in zip(fig.subplots(1, 3), ("loss", "recon", "kl"), strict=True):
        for split, colour in zip(("train", "valid"), PALETTE, strict=False):
            measured = history.dropna(subset=f"{split}_{name}")  # not every epoch may be validated
            axes.plot(
                measured["epoch"],
                measured[f"{split}_{name}"],
                label=split,
                color=colour,
                marker=".",
                markersize=3,
            )
        axes.set_title({"loss": "Loss", "recon": "Reconstruction", "kl": "KL"}[name], fontsize=11, loc="left")
        axes.set_xlabel("epoch")
    fig.axes[0].set_ylabel(f"nats per {noun.example}")
    fig.axes[0].legend()
    return fig


@styled
def kl_per_dimension(table: pd.DataFrame, threshold: float) -> Figure:
    """Returns the KL of each dimension in nats as bars, with the threshold of activity."""
    fig = figure(7.0, 3.2)
    axes = fig.add_subplot()
    positions = np.arange(len(table))
    colours = [PALETTE[0] if kl > threshold else PALETTE[8] for kl in table["kl"]]
    axes.bar(positions, table["kl"], color=colours)
    axes.axhline(threshold, color=PALETTE[5], linewidth=1, label=f"{threshold:g} nats")
    every = max(1, len(table) // 25)
    axes.set_xticks(positions[::every], labels=table["dimension"][::every])
    axes.margins(x=0.01)
    active = int((table["kl"] > threshold).sum())
    title = f"{active} of {len(table)} latent dimensions carry more than {threshold:g} nats"
    if table["kl"].isna().all():
        title = "This KL is not a sum over dimensions"
    axes.set_title(title, fontsize=11, loc="left")
    axes.set_xlabel("latent dimension, largest KL first")
    axes.set_ylabel("KL, valid, nats")
    axes.legend()
    return fig


@styled
def bounds_over_k(curve: pd.DataFrame, noun: Noun = IMAGE) -> Figure:
    """Returns IWAE-K over K in nats, with a band of two standard errors over examples."""
    fig = figure()
    axes = fig.add_subplot()
    axes.plot(curve["k"], curve["iwae"], marker="o", markersize=4)
    axes.fill_between(curve["k"], curve["iwae"] - 2 * curve["se"], curve["iwae"] + 2 * curve["se"], alpha=0.2)
    axes.set_xscale("log")
    axes.set_xticks(curve["k"], labels=curve["k"])
    axes.set_xticks([], minor=True)
    axes.set_title(f"Bound over K (band: 2 standard errors over {noun.examples})", fontsize=11, loc="left")
    axes.set_xlabel("K, importance samples")
    axes.set_ylabel("IWAE-K, test, nats")
    return fig


@styled
def latent_map(
    points: np.ndarray, labels: np.ndarray, classes: Sequence[str], axis_names: Sequence[str]
) -> Figure:
    """Returns points [N, 2] coloured by label [N], with each class's name at its median."""
    fig = figure(6.5, 6.0)
    axes = fig.add_subplot()
    size = float(np.clip(20_000 / len(points), 4, 30))
    for label, name in enumerate(classes):
        of_class = points[labels == label]
        if len(of_class) == 0:
            continue
        colour = PALETTE[label % len(PALETTE)]
        axes.scatter(of_class[:, 0], of_class[:, 1], s=size, alpha=0.5, color=colour, linewidths=0)
        axes.annotate(
            name, np.median(of_class, axis=0), ha="center", va="center", fontweight="bold",
            bbox={"boxstyle": "round,pad=0.2", "facecolor": "white", "edgecolor": colour, "alpha": 0.85},
        )  # fmt: skip
    axes.set_xlabel(axis_names[0])
    axes.set_ylabel(axis_names[1])
    return fig


@styled
def factor_map(information: np.ndarray, factors: Sequence[str]) -> Figure:
    """Returns information [d, F] as shares of the factors' entropies: a row a dimension, F columns."""
    fig = figure(1.5 + 0.8 * len(factors), 1.2 + 0.28 * len(information))
    axes = fig.add_subplot()
    image = axes.imshow(information, vmin=0, vmax=1, cmap="viridis", aspect="auto")
    axes.grid(visible=False)
    axes.set_xticks(range(len(factors)), labels=factors)
    axes.set_yticks(range(len(information)), labels=[f"z{j}" for j in range(len(information))])
    fig.colorbar(image, ax=axes, label="I(z; factor) / H(factor)")
    return fig

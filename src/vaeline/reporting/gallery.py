"""The pictures of a trained model."""

from collections.abc import Mapping, Sequence

import numpy as np
import pandas as pd
import torch
from matplotlib.figure import Figure
from torch import Tensor, nn

from vaeline.data.observations import Observations, pixels
from vaeline.evaluation.chunks import device_of, model_input
from vaeline.evaluation.disentanglement.information import entropies, mutual_information
from vaeline.evaluation.estimators.latents import Latents
from vaeline.evaluation.latent_use import ACTIVE_KL
from vaeline.evaluation.neighbours import NearestNeighbours
from vaeline.reporting.interpolation import linear, spherical
from vaeline.reporting.plots.curves import factor_map, kl_per_dimension, latent_map
from vaeline.reporting.plots.images import grid, reconstruction_rows

RECONSTRUCTIONS_SHOWN = 30  # images beside their reconstructions
SAMPLES = 100
TRAVERSAL_STEPS = torch.linspace(
    -3, 3, 11
)  # of a traversal, in standard deviations of the aggregate posterior
TRAVERSED = 20  # dimensions at the most, the busiest first
PAIRS = 4  # of images with a way from one to the other
POINTS = 11  # on each way
ROWS, ROW = 20, 10  # classes with samples at the most, and samples of each
MAPPED = 2000  # points of the latent map
MAP_RESOLUTION = 1e-6  # of the latent map


@torch.inference_mode()
def gallery_figures(
    model: nn.Module,
    images: Observations,
    seen: Latents,
    dimensions: pd.DataFrame,
    labels: np.ndarray,
    classes: Sequence[str],
) -> dict[str, Figure]:
    """Returns the figures by name, for uint8 images [N, C, H, W] and what `latents` saw in them."""
    x = model_input(images[:RECONSTRUCTIONS_SHOWN], device_of(model))
    reconstructions = model.infer(x).likelihood.mean[0]
    return {
        "reconstructions": reconstruction_rows(
            pixels(x).cpu(),
            reconstructions.cpu(),
            "Validation images and their reconstructions, E[x|z] at a drawn z",
        ),
        "samples": grid(model.sample(SAMPLES), 10, "Samples: E[x|z] at z ~ p(z)"),
        "interpolations": interpolations(model, x, seen),
        "traversals": traversals(model, x, seen, dimensions),
        "kl_per_dimension": kl_per_dimension(dimensions, ACTIVE_KL),
        "latent_map": map_of_latents(seen, labels, classes),
    }


def traversals(model: nn.Module, x: Observations, seen: Latents, dimensions: pd.DataFrame) -> Figure:
    """Returns a row for each active unit: its z from −3 to 3, the others at the mean of the first of x.

    In standard deviations around the mean of the aggregate posterior, which lies where the prior does, be
    that a standard normal, learned, or of a layer that hangs on others.
    """
    nearest = dimensions[dimensions["dimension"] < model.latent_dim]  # the layer that the image hangs on
    active = nearest.loc[nearest["active_unit"] == 1, "dimension"]
    chosen = list(active[:TRAVERSED]) or [int(nearest["dimension"].iloc[0])]
    z = seen.mean[0, : model.latent_dim].repeat(len(chosen), len(TRAVERSAL_STEPS), 1)
    centre, scale = seen.mean.mean(0), seen.aggregate_variance.sqrt()
    for row, dimension in enumerate(chosen):
        z[row, :, dimension] = centre[dimension] + TRAVERSAL_STEPS * scale[dimension]
    decoded = model.conditioned(x[:1]).decode(z.flatten(0, 1).to(device_of(model))).mean
    shown = (
        f"the {len(chosen)} busiest of {len(active)} active latents"
        if len(active) > TRAVERSED
        else "one latent"
    )
    title = f"Traversals: {shown} from −3σ to 3σ of q(z), the others as encoded from one image"
    return grid(decoded, len(TRAVERSAL_STEPS), title, rows=[f"z{dimension}" for dimension in chosen])


def interpolations(model: nn.Module, x: Observations, seen: Latents) -> Figure:
    """Returns the ways between pairs of x: a row along the line, and below it one along the arc.

    What else is known of an image stays that of the first of the pair.
    """
    pairs = min(PAIRS, len(seen.mean) // 2)
    means = seen.mean[: 2 * pairs, : model.latent_dim]
    starts, ends = means[0::2], means[1::2]
    z = torch.stack([way(starts, ends, POINTS) for way in (linear, spherical)])  # [2, pairs, points, d]
    z = z.transpose(1, 2).to(device_of(model))
    decoded = model.conditioned(x[: 2 * pairs : 2]).decode(z).mean.movedim(2, 0).flatten(0, 2)
    title = "Interpolations between the latent means of validation images"
    return grid(decoded, POINTS, title, rows=("line", "arc") * len(starts))


def class_samples(model: nn.Module, classes: Sequence[str]) -> dict[str, Figure]:
    """Returns a row of samples for each label that the model is told of; nothing where it is told of none."""
    if not model.classes:
        return {}
    names = classes[:ROWS]
    y = torch.arange(len(names)).repeat_interleave(ROW)
    samples = model.sample(len(y), y.to(device_of(model)))
    return {
        "samples_by_class": grid(samples, ROW, "Samples of each class: E[x|z, y] at z ~ p(z)", rows=names)
    }


def neighbour_rows(samples: Tensor, found: NearestNeighbours, train: np.ndarray) -> Figure:
    """Returns samples [N, C, H, W] in [0, 1], each above its nearest of uint8 `train` [M, C, H, W]."""
    near = torch.from_numpy(train[found.index[:RECONSTRUCTIONS_SHOWN].numpy()]).float() / 255
    title = "Samples, and the training images nearest to them, pixel by pixel"
    return reconstruction_rows(samples[:RECONSTRUCTIONS_SHOWN], near, title, names=("sample", "nearest"))


def map_of_latents(seen: Latents, labels: np.ndarray, classes: Sequence[str]) -> Figure:
    """Returns the latent means in two dimensions: as they are where there are two, else by t-SNE.

    The first principal axes of a well-used latent space show little: all have about the same variance. Of a
    collapsed one, whose means lie all in one point, the first two are shown.
    """
    means, labels = seen.mean[:MAPPED].double().numpy(), labels[:MAPPED]
    collapsed = np.ptp(means, axis=0).max() < MAP_RESOLUTION  # t-SNE divides by the spread
    if means.shape[1] == 2 or (collapsed and means.shape[1] > 2):
        return latent_map(means[:, :2], labels, classes, ("z0", "z1"))
    if means.shape[1] == 1:
        points = np.column_stack([means[:, 0], seen.variance[:MAPPED, 0].sqrt().numpy()])
        return latent_map(points, labels, classes, ("z0, mean", "z0, standard deviation"))
    from sklearn.manifold import TSNE  # a second or more: only where it is needed

    perplexity = min(30, len(means) / 4)
    points = TSNE(perplexity=perplexity, max_iter=500, random_state=0).fit_transform(means)
    note = "t-SNE of the latent means (near stays near; other distances mean nothing)"
    return latent_map(points, labels, classes, (note, ""))


def factor_information(
    seen: Latents, factors: np.ndarray | None, sizes: Mapping[str, int]
) -> dict[str, Figure]:
    """Returns what each latent mean says of each factor [N, F] of `sizes` values; nothing without factors."""
    if factors is None:
        return {}
    varying = [k for k, size in enumerate(sizes.values()) if size > 1]
    chosen = factors[:, varying]
    information = mutual_information(seen.mean.double().numpy(), chosen) / entropies(chosen)
    return {"factors": factor_map(information, [list(sizes)[k] for k in varying])}

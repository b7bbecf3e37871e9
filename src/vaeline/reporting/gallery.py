"""The pictures of a trained model."""

from collections.abc import Mapping, Sequence
from typing import cast

import numpy as np
import pandas as pd
import torch
from matplotlib.figure import Figure
from torch import Tensor

from vaeline.data.observations import Observations, pixels
from vaeline.evaluation.chunks import device_of, model_input
from vaeline.evaluation.disentanglement.information import entropies, mutual_information
from vaeline.evaluation.estimators.latents import Latents
from vaeline.evaluation.interpolation import linear, spherical
from vaeline.evaluation.latent_use import ACTIVE_KL
from vaeline.evaluation.neighbours import NearestNeighbours
from vaeline.models.conditional import ConditionalVAE
from vaeline.models.contracts import Model
from vaeline.reporting.plots.curves import factor_map, kl_per_dimension, latent_map
from vaeline.reporting.plots.images import grid, reconstruction_rows

RECONSTRUCTIONS_SHOWN = 30  # images above their reconstructions
SAMPLES = 100
TRAVERSAL_STEPS = torch.linspace(-3, 3, 11)  # in standard deviations of the aggregate posterior
TRAVERSED = 20  # dimensions at most, in order of their KL
PAIRS = 4  # of images that are interpolated
POINTS = 11  # of each interpolation
CLASS_ROWS, CLASS_SAMPLES = 20, 10  # classes at most, and samples of each
MAPPED = 2000  # latent means in the map
MAP_RESOLUTION = 1e-6  # below it the means are one point, which t-SNE cannot take


@torch.inference_mode()
def gallery_figures(
    model: Model,
    images: Observations,
    latents: Latents,
    dimensions: pd.DataFrame,
    labels: np.ndarray,
    classes: Sequence[str],
) -> dict[str, Figure]:
    """Returns the figures of any model, by name.

    Args:
        model: The trained model.
        images: Validation images, uint8 [N, C, H, W].
        latents: Their latents.
        dimensions: The table of latent dimensions, in order of their KL.
        labels: The class of each image, [N].
        classes: Names of the classes.
    """
    x = model_input(images[:RECONSTRUCTIONS_SHOWN], device_of(model))
    reconstructions = model.infer(x).likelihood.mean[0]
    return {
        "reconstructions": reconstruction_rows(
            pixels(x).cpu(),
            reconstructions.cpu(),
            "Validation images and their reconstructions: E[x|z] at a z drawn from q(z|x)",
        ),
        "samples": grid(model.sample(SAMPLES), 10, "Samples: E[x|z] at z ~ p(z)"),
        "interpolations": interpolations(model, x, latents),
        "traversals": traversals(model, x, latents, dimensions),
        "kl_per_dimension": kl_per_dimension(dimensions, ACTIVE_KL),
        "latent_map": map_of_latents(latents, labels, classes),
    }


def traversals(model: Model, x: Observations, latents: Latents, dimensions: pd.DataFrame) -> Figure:
    """Returns a row for each active unit: its z from −3 to 3, the others as encoded from the first of x.

    The unit of z is the standard deviation of the aggregate posterior, about its mean. The prior, whether
    standard normal, learned, or conditional on other layers, is close to it.
    """
    of_layer = dimensions[dimensions["dimension"] < model.latent_dim]  # the layer that the decoder takes
    active = of_layer.loc[of_layer["active_unit"] == 1, "dimension"]
    chosen = list(active[:TRAVERSED]) or [int(of_layer["dimension"].iloc[0])]
    z = latents.mean[0, : model.latent_dim].repeat(len(chosen), len(TRAVERSAL_STEPS), 1)
    centre, scale = latents.mean.mean(0), latents.aggregate_variance.sqrt()
    for row, dimension in enumerate(chosen):
        z[row, :, dimension] = centre[dimension] + TRAVERSAL_STEPS * scale[dimension]
    decoded = model.conditioned(x[:1]).decode(z.flatten(0, 1).to(device_of(model))).mean
    moved = (
        f"the first {len(chosen)} of {len(active)} active latents"
        if len(active) > TRAVERSED
        else "one latent"
    )
    title = f"Traversals: {moved} from −3σ to 3σ of q(z), the others as encoded from one image"
    return grid(decoded, len(TRAVERSAL_STEPS), title, rows=[f"z{dimension}" for dimension in chosen])


def interpolations(model: Model, x: Observations, latents: Latents) -> Figure:
    """Returns the interpolations between pairs of x: a row along the line above one along the arc.

    Labels, if the model is conditioned on them, stay those of the first image of the pair.
    """
    pairs = min(PAIRS, len(latents.mean) // 2)
    means = latents.mean[: 2 * pairs, : model.latent_dim]
    starts, ends = means[0::2], means[1::2]
    z = torch.stack([path(starts, ends, POINTS) for path in (linear, spherical)])  # [2, pairs, points, d]
    z = z.transpose(1, 2).to(device_of(model))
    decoded = model.conditioned(x[: 2 * pairs : 2]).decode(z).mean.movedim(2, 0).flatten(0, 2)
    title = "Interpolations between the latent means of validation images"
    return grid(decoded, POINTS, title, rows=("line", "arc") * len(starts))


def class_samples(model: Model, classes: Sequence[str]) -> dict[str, Figure]:
    """Returns a row of samples for each label, if the model is conditioned on labels, else nothing."""
    if not model.classes:
        return {}
    names = classes[:CLASS_ROWS]
    labels = torch.arange(len(names)).repeat_interleave(CLASS_SAMPLES).to(device_of(model))
    samples = cast(ConditionalVAE, model).sample(len(labels), labels)
    title = "Samples of each class: E[x|z, y] at z ~ p(z)"
    return {"samples_by_class": grid(samples, CLASS_SAMPLES, title, rows=names)}


def neighbour_rows(samples: Tensor, neighbours: NearestNeighbours, train: np.ndarray) -> Figure:
    """Returns samples [N, C, H, W] in [0, 1], each above its nearest of uint8 `train` [M, C, H, W]."""
    nearest = torch.from_numpy(train[neighbours.index[:RECONSTRUCTIONS_SHOWN].numpy()]).float() / 255
    title = "Samples and their nearest training images, by pixel distance"
    return reconstruction_rows(samples[:RECONSTRUCTIONS_SHOWN], nearest, title, names=("sample", "nearest"))


def map_of_latents(latents: Latents, labels: np.ndarray, classes: Sequence[str]) -> Figure:
    """Returns the latent means in two dimensions: as they are if there are two, else by t-SNE.

    Principal axes would be of little use: in a well-used latent space all have about the same variance. If
    all means are one point, as in a collapsed model, the first two dimensions are displayed.
    """
    means, labels = latents.mean[:MAPPED].double().numpy(), labels[:MAPPED]
    collapsed = np.ptp(means, axis=0).max() < MAP_RESOLUTION
    if means.shape[1] == 2 or (collapsed and means.shape[1] > 2):
        return latent_map(means[:, :2], labels, classes, ("z0", "z1"))
    if means.shape[1] == 1:
        points = np.column_stack([means[:, 0], latents.variance[:MAPPED, 0].sqrt().numpy()])
        return latent_map(points, labels, classes, ("z0, mean", "z0, standard deviation"))
    from sklearn.manifold import TSNE  # takes a second or more to import

    perplexity = min(30, len(means) / 4)
    points = TSNE(perplexity=perplexity, max_iter=500, random_state=0).fit_transform(means)
    note = "t-SNE of the latent means (only neighbourhoods are meaningful, not distances)"
    return latent_map(points, labels, classes, (note, ""))


def factor_information(
    latents: Latents, factors: np.ndarray | None, sizes: Mapping[str, int]
) -> dict[str, Figure]:
    """Returns the information of each latent mean about each factor [N, F]; nothing if there are none.

    `sizes` is the number of values of each factor, by name; a factor that has one value here is left out.
    """
    if factors is None or not (varying := np.flatnonzero(np.ptp(factors, axis=0)).tolist()):
        return {}
    chosen = factors[:, varying]
    information = mutual_information(latents.mean.double().numpy(), chosen) / entropies(chosen)
    return {"factors": factor_map(information, [list(sizes)[k] for k in varying])}

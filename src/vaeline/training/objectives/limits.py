"""Choices that an objective rejects, with a one-line error."""

from vaeline.core.errors import VaelineError
from vaeline.models.inference import Inference, Layer


def reject_free_bits(name: str, free_bits: float) -> None:
    """Raises VaelineError if `free_bits` is set, for an objective without free bits."""
    if free_bits > 0:
        raise VaelineError(
            f"free_bits = {free_bits:g} has no meaning with objective.name={name}: set it to 0, or use "
            "objective.name=elbo"
        )


def no_lone_image(name: str, images: int, batch_size: int) -> None:
    """Raises VaelineError if a batch would hold one image, for objectives that compare images."""
    reject_lone_image(images, batch_size, f"objective.name={name} compares the examples of a batch")


def reject_lone_image(images: int, batch_size: int, reason: str) -> None:
    """Raises VaelineError, with the `reason`, if an epoch has a batch of one of its training images."""
    if not _has_lone_image(images, batch_size):
        return
    larger = (
        size for size in range(batch_size + 1, batch_size + images) if not _has_lone_image(images, size)
    )
    raise VaelineError(
        f"batch_size = {batch_size} leaves a batch with one of {images} training examples, and {reason}: use "
        f"another batch_size, `dvc exp run -S batch_size={next(larger, images)}`"
    )


def _has_lone_image(images: int, batch_size: int) -> bool:
    return batch_size == 1 or images % batch_size == 1


def only_layer(name: str, inference: Inference) -> Layer:
    """Returns the stochastic layer of a model; raises VaelineError if there are several."""
    if len(inference.layers) > 1:
        raise VaelineError(
            f"objective.name={name} is for one stochastic layer, and this model has {len(inference.layers)}: "
            "use model.name=vae, or objective.name=elbo or iwae"
        )
    return inference.layers[0]


def only_factorised_layer(name: str, inference: Inference) -> Layer:
    """Returns the same; raises VaelineError if posterior and prior are not diagonal Gaussians."""
    layer = only_layer(name, inference)
    if not layer.factorised:
        raise VaelineError(
            f"objective.name={name} needs posterior and prior to be diagonal Gaussians: "
            "use objective.name=elbo"
        )
    return layer

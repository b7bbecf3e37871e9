"""What an objective cannot do, refused in one line."""

from vaeline.core.errors import VaelineError
from vaeline.models.inference import Inference, Layer


def reject_free_bits(name: str, free_bits: float) -> None:
    """Raises VaelineError where `free_bits` are asked of an objective that leaves no KL free."""
    if free_bits > 0:
        raise VaelineError(
            f"free_bits = {free_bits:g} has no meaning with objective.name={name}: set it to 0, or use "
            "objective.name=elbo"
        )


def no_lone_image(name: str, images: int, batch_size: int) -> None:
    """Raises VaelineError where a batch would hold one image, for objectives that compare images."""
    if batch_size == 1 or images % batch_size == 1:
        raise VaelineError(
            f"batch_size = {batch_size} leaves a batch with one of {images} training images, and "
            f"objective.name={name} compares the images of a batch: use another batch_size"
        )


def only_layer(name: str, inference: Inference) -> Layer:
    """Returns the stochastic layer of a model that has one; raises VaelineError for more."""
    if len(inference.layers) > 1:
        raise VaelineError(
            f"objective.name={name} is for one stochastic layer, and this model has {len(inference.layers)}: "
            "use model.name=vae, or objective.name=elbo or iwae"
        )
    return inference.layers[0]


def only_factorised_layer(name: str, inference: Inference) -> Layer:
    """Returns the same where it is of diagonal Gaussians; raises VaelineError where it is not."""
    layer = only_layer(name, inference)
    if not layer.factorised:
        raise VaelineError(
            f"objective.name={name} needs posterior and prior to be diagonal Gaussians: "
            "use objective.name=elbo"
        )
    return layer
